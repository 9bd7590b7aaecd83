"""What a switch has to do with the switches beside it: spanning tree and LLDP, on the datapath's ports."""
