"""What a mixture is: values and their algebra."""
