"""The named endpoints: plain JSON in, plain JSON with raw numbers out."""
