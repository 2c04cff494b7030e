"""The outgoing formats that come with the product. Others are installed as plugins beside them."""
