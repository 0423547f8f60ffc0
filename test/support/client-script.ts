// The script that real DHCP clients of a test run.

/**
 * The script of dhclient, udhcpc or dhcpcd. It writes the turn and its address, one line a turn, into a file next to it, and sets the address
 * as a client's own script would.
 *
 * @param prefix of the network, in bits
 */
export const clientScript = (prefix: number): string => `#!/bin/sh
if [ -n "$reason" ]; then turn=$reason ip=$new_ip_address; else turn=$1; fi
case $turn in
  bound|renew|BOUND|RENEW|REBOOT|REBIND) ip address replace "$ip/${prefix}" dev "$interface" ;;
  deconfig|RELEASE|EXPIRE|FAIL) ip address flush dev "$interface" ;;
esac
echo "$turn $ip" >>"$0.turns"
`;
