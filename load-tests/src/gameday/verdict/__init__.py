"""What a run showed: figures for each journey and phase, held against the bars. Pure: records in, a verdict out."""
