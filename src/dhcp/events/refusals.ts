// Why DHCP messages get no answer, or a NAK, each with a sentence for operators.

export type AddressObjection =
  /** Not in the network, or in none of its ranges and not fixed for this client. */
  | 'address-outside-range'
  /** The rack's, the router's, the network's or the broadcast address. */
  | 'address-excluded'
  | 'address-reserved'
  | 'address-leased'
  | 'address-offered'
  /** A client or a probe found another host using it. */
  | 'address-declined';

export type AllocationRefusal = 'range-exhausted' | 'no-dynamic-range';

export type NetworkRefusal =
  /** No subnet holds the address that names the network. */
  | 'network-unknown'
  /** The network does not know this relay agent. */
  | 'relay-unknown'
  /** Its datagram does not come from the relay agent it names. */
  | 'relay-source-unknown'
  /** Sent to the rack's own address from an unserved network. */
  | 'source-unserved'
  /** Without a relay agent from a host of another shared network. */
  | 'other-wire'
  | 'interface-unserved'
  /** The interface lacks the configured address. */
  | 'interface-without-address';

/** Why a message got no answer, or a NAK. Stable strings: logs, metrics and timelines carry them. */
export type DhcpRefusal =
  | NetworkRefusal
  | AllocationRefusal
  | AddressObjection
  | 'class-denied'
  | 'not-a-request'
  | 'bootp-unsupported'
  | 'hardware-unsupported'
  | 'message-type-unknown'
  | 'other-server-chosen'
  | 'address-not-named'
  | 'no-record'
  | 'wrong-network'
  | 'fixed-address-differs'
  | 'lease-differs'
  | 'not-the-holder'
  | 'server-not-named'
  | 'sent-from-elsewhere'
  | 'client-address-impossible'
  | 'no-server-address'
  | 'store-unavailable'
  | 'queue-full'
  | 'superseded'
  | 'reply-late'
  | 'interface-gone'
  | 'probe-running'
  | 'probes-waiting'
  | 'address-in-use'
  | 'too-many-new-clients'
  | 'not-booting'
  | 'proxy-silent'
  | 'network-not-proxied'
  | 'no-loader';

/**
 * A sentence for each, with any remedy; a NAK carries it (RFC 2132 §9.9). The English words take it
 * from here (`sentences.ts`).
 */
export const DHCP_REFUSALS: Readonly<Record<DhcpRefusal, string>> = {
  'network-unknown': 'No served network holds the relay, client or selected address; add it to the cluster interfaces.',
  'relay-unknown':
    'The relay agent may not ask for this network: its address is in no served network, is missing from relays of the cluster interface, or is this rack’s own. If it is yours, add it to relays.',
  'relay-source-unknown':
    'The message names a relay agent but comes from another address, which may not send for it: the network does not name that address, and it is outside the served networks or leased to a client. If one of your relay agents sends from there, add it to relay_sources of the cluster interface; else find out who forges messages.',
  'source-unserved':
    'The message came to the rack’s own address, without a relay agent, from a network that is not served. No client does that: find out who forges messages, or add an access server of yours to relay_sources of the cluster interface.',
  'other-wire':
    'The message names this network (option 118 or 82.5) or came to an address of the rack there, without a relay agent, from a host of another shared network. No client does that: find out who forges messages, or add an access server of yours to relay_sources of the cluster interface.',
  'interface-unserved':
    'The message came by an interface without a served network; add a cluster interface for it, or block DHCP on it.',
  'interface-without-address': 'The interface does not have its configured address yet; give it the address.',
  'range-exhausted': 'Every dynamic address is leased, offered or declined; enlarge the dynamic range.',
  'no-dynamic-range':
    'The client has no fixed address and the network has no dynamic range; add ip_range_low and ip_range_high, or a host.',
  'address-outside-range': 'The address belongs to no dynamic range and is not fixed for the client.',
  'address-excluded': 'The address is the rack’s own, the router’s, or the network’s; give the client another one.',
  'address-reserved': 'The address is fixed for another client, or in the static range.',
  'address-leased': 'Another client holds the address.',
  'address-offered': 'The address has just been offered to another client.',
  'address-declined': 'A host was found using the address without a lease; find that host.',
  'class-denied':
    'A configured class denies its clients every answer; if this client should get one, change `when` or `deny` of that class.',
  'not-a-request': 'The message is a reply of a server, not a request of a client.',
  'bootp-unsupported':
    'The client speaks BOOTP without DHCP; Rackboot serves DHCP only: switch the client to DHCP or give it a static address.',
  'hardware-unsupported':
    'The hardware address is not the six-byte Ethernet address of a single host; set a proper one on the client’s card.',
  'message-type-unknown': 'Clients do not send this DHCP message type to servers.',
  'other-server-chosen': 'The client took the offer of another DHCP server; two servers answer on this network.',
  'address-not-named': 'The message does not name the address it concerns.',
  'no-record':
    'This server has no record of the client for this address; it stays silent because another server may have one.',
  'wrong-network': 'The client has, or asks for, an address of another network; it has moved.',
  'fixed-address-differs': 'The client asks for a former address; another one is fixed for it now.',
  'lease-differs':
    'The client has a running lease and asks for another address. Either it gets its own address when it starts again, or another host speaks in its name.',
  'not-the-holder': 'The client names an address that it does not hold; rackboot leases show says who does.',
  'server-not-named':
    'The client released its address by broadcast without naming a server; a release must name this one.',
  'sent-from-elsewhere':
    'The message came from another address than its client names as its own (for instance a renewal through address translation, or a broadcast release), or is a decline sent by unicast. Find out who forges messages, or add the translated address to relay_sources of the cluster interface; the client is answered when it broadcasts.',
  'client-address-impossible':
    'The client claims the first or last address of a served network, or this rack’s own. No client can have it: find out who forges messages, or find a host with a wrong static address.',
  'no-server-address':
    'The relayed network names no server address and the message shows none; set ip of its cluster interface.',
  'store-unavailable': 'Leases cannot be written, so no lease is given; rackboot status says why.',
  'queue-full': 'Too many replies wait for the disk; the client asks again.',
  superseded: 'A later message ended the lease before the answer to this one could leave.',
  'reply-late': 'Storing the lease took so long that the answer is useless; the disk is overloaded.',
  'interface-gone':
    'The interface went away before the answer could leave; when it is served again, the client asks and gets the same address.',
  'probe-running': 'The address is being probed for this client; the answer follows.',
  'probes-waiting':
    'Too many new clients came at once to probe addresses for all of them; the client is answered when it asks again.',
  'not-booting': 'The network is in proxy mode and the client does not boot from it; the other DHCP server answers.',
  'proxy-silent': 'The network is in proxy mode and the message is for the other DHCP server.',
  'network-not-proxied':
    'The client asks for a boot server on a network that is not in proxy mode; set mode: proxy there.',
  'no-loader': 'No loader is known for the client’s architecture; name one under boot.loaders.',
  'too-many-new-clients':
    'Too many unknown clients ask for addresses there; find out who sends for them, or raise dhcp.new_clients_per_second.',
  'address-in-use': 'Another host answered for every address probed for the client; find those hosts.',
};

export const DHCP_REFUSAL_NAMES: readonly DhcpRefusal[] = Object.keys(DHCP_REFUSALS).filter(isRefusal);

export function isRefusal(name: string): name is DhcpRefusal {
  return Object.hasOwn(DHCP_REFUSALS, name);
}
