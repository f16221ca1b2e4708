"""Attestation: a black-box test of which decoding parameters an endpoint really follows."""
