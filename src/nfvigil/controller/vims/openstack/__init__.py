"""OpenStack as a VIM: Nova, Neutron and, where there is one, Cinder."""
