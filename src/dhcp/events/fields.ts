// The fields of DHCP events.

import type { CommonParams, Forms, ParamsOf } from '../../ground/event.ts';

export const DHCP_FIELDS = {
  /** The network, by the name of its cluster interface. */
  subnet: 'text?',
  /** The interface by which the message came, or that of the network. */
  interfaceName: 'text?',
  /** For an offer or ack: the lease time, in seconds. */
  leaseSeconds: 'number?',
  /** For an offer: where its address comes from. */
  source: ['machine', 'reservation', 'own', 'requested', 'unused', 'reclaimed'],
  /** For an ack: whether it extends a running lease. */
  renewal: 'flag?',
  /** For leases that cannot be written: their database. */
  database: 'text?',
  /** For leases that cannot be written: how long a write lasts, in milliseconds. */
  milliseconds: 'number?',
  /** For leases that cannot be written: the words of the database. */
  said: 'text?',
  /** The kind of the boot client, if it boots from the network. */
  client: 'text?',
  /** The architecture of the boot client, as the number of option 93. */
  architecture: 'number?',
  /**
   * What the boot client showed of itself, if its signs contradict each other; `client` and
   * `architecture` are what it was taken for.
   */
  contradiction: 'text?',
  /** The file it is given to load. */
  file: 'text?',
  /** Why it gets another file than the built-in loader: the key that overrides this loader. */
  loaderKey: 'text?',
  /** The class that has `loaderKey`; undefined: `boot.loaders` has it. */
  loaderClass: 'text?',
  /** Why it gets another file than the built-in loader: the quirk of its firmware. */
  quirk: 'text?',
  /** The real architecture of the client, according to its quirk. */
  quirkArchitecture: 'number?',
  /** Why it gets another file than the built-in loader: the loader that it loaded again and again. */
  loopFile: 'text?',
  /** How many times it loaded `loopFile`. */
  loopLoads: 'number?',
  /** The server of the file, if configured options (66, 67) replace the plan. */
  fileServer: 'text?',
  /** The client's name here, else the one it gives itself. */
  hostname: 'text?',
  /** The name that the client gives itself, cleaned, if it is not a host name: it has none here. */
  nameRefused: 'text?',
  /** The configured classes the client is in; for a refusal, the class that denies. */
  classes: 'text?',
  /**
   * An ack or refusal through a relay: the switch port that it reports (option 82), as text, or
   * `0x` and hexadecimal digits.
   */
  circuitId: 'text?',
  /** An ack or refusal through a relay: the switch that it reports, in the same form. */
  remoteId: 'text?',
  /** For a refusal: the relay through which the message came. */
  relay: 'text?',
  /**
   * For a refusal: the address that names its network: link selection, subnet selection, the
   * relay's, the client's.
   */
  wanted: 'text?',
  /** For messages no client sends: the source of the datagram. */
  from: 'text?',
  /**
   * For hardware that is not Ethernet: its type (RFC 1700), and the client's identifier (option 61)
   * as text, or `0x` and hexadecimal digits.
   */
  hardwareType: 'number?',
  clientId: 'text?',
  /** The client's vendor class (option 60). */
  vendorClass: 'text?',
  /**
   * For a DISCOVER: how long the client says it has been asking, in seconds; undefined: it has just
   * begun.
   */
  waitedSeconds: 'number?',
  /** Only boot information was offered: another server gives the address. */
  proxied: 'flag?',
  /** Another DHCP server, by its own identifier. */
  server: 'text?',
  /** For a conflict: the hardware address of the host that has the address, as text. */
  usedBy: 'text?',
  /** For a range: its first and last address. */
  range: 'text?',
  /** For a range: how many of its addresses are in use. */
  used: 'number?',
  /** For a range: how many of its addresses can be handed out at all. */
  usable: 'number?',
  /** Where the new clients are: an interface, a relay agent, or a circuit of either. */
  place: 'text?',
  /** Why something was refused. */
  reason: 'text?',
  /** The invalid field of a message. */
  field: 'text?',
  /** The place of that field's first byte in the message, from 0. */
  offset: 'number?',
  /** How many leases of another server were imported. */
  imported: 'number?',
  /** Codes of options that did not fit in the reply. */
  omitted: 'text?',
  /** For another server: the address that it offered. `mac` and `address` are the server's own. */
  offered: 'text?',
  /** For another server: how it was noticed. */
  evidence: ['probe', 'client', 'reply'],
  /** For another server: whether it gives boot information only. */
  isBootOnly: 'flag?',
} as const satisfies Forms;

/** What the sentence of a DHCP event may use. */
export type DhcpParams = CommonParams & ParamsOf<typeof DHCP_FIELDS>;

/** Where a client's address came from. */
export type AllocationSource = NonNullable<DhcpParams['source']>;
