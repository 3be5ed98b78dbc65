"""Which group element makes an image of its prototype: charts, closed-form frames, inference."""
