"""Networks: functions of (image_shape, widths, ...) that return built `tf.keras.Model`s."""
