"""How time grows with images, pixels and workers, against as many processes as there are cores, each with its share."""
