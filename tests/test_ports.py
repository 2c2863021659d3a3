import socket

import pytest

from ibgan_tf.ports import free_ports


@pytest.mark.parametrize("count", [0, 1, 5])
def test_each_port_is_another_and_can_be_listened_at(count):
    ports = free_ports(count)
    assert len(set(ports)) == count
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


def test_an_address_of_another_machine_is_an_error():
    with pytest.raises(OSError):
        free_ports(1, host="192.0.2.1")
