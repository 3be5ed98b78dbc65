"""Fields on images: their types, what one is at a pixel, and how text names them."""
