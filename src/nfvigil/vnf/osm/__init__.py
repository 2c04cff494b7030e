"""An OSM installation: its clouds are watched as ours, and its VNF records are kept in line."""
