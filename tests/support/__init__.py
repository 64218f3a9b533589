"""What tests share: real servers, media made on the spot, a known cast."""
