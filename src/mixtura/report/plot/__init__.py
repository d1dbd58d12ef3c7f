"""Pictures, one kind in a room; `mixtura.plot` names them all. Drawing imports matplotlib."""
