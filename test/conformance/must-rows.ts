// The rows of the table of demands of the RFCs of DHCP, and the tests that show how this server stands to them, each named once.

/** A test: its file, from the root of the tree, and its name as it is written there. */
interface Proof {
  readonly file: string;
  readonly name: string;
}

/** One demand. */
export interface Must {
  readonly rfc: number;
  /** As the RFC numbers it, without the sign. */
  readonly section: string;
  readonly level: 'MUST' | 'MUST NOT' | 'SHOULD' | 'SHOULD NOT';
  readonly demand: string;
  /** Why this server departs from it; undefined: it meets it. */
  readonly because: string | undefined;
  readonly tests: readonly Proof[];
}

const inFile =
  (file: string) =>
  (name: string): Proof => ({ file, name });

const messages = inFile('test/conformance/rfc2131-messages.test.ts');
const exchanges = inFile('test/conformance/rfc2131-exchanges.test.ts');
const options = inFile('test/conformance/dhcp-options.test.ts');
const relays = inFile('test/conformance/dhcp-relays.test.ts');
const server = inFile('test/dhcp/server.test.ts');
const serverRole = inFile('test/dhcp/networks/server-role.test.ts');
const decide = inFile('test/dhcp/answers/decide.test.ts');
const earlierPromise = inFile('test/dhcp/answers/earlier-promise.test.ts');
const conflicts = inFile('test/dhcp/conflicts/conflict-check.test.ts');
const forged = inFile('test/dhcp/answers/forged.test.ts');
const agents = inFile('test/dhcp/networks/relays.test.ts');
const moved = inFile('test/dhcp/answers/moved-reservation.test.ts');
const back = inFile('test/dhcp/answers/give-back.test.ts');
const given = inFile('test/dhcp/networks/configured-options.test.ts');
const layout = inFile('test/dhcp/wire/option-layout.test.ts');
const values = inFile('test/dhcp/wire/option-value.test.ts');
const legal = inFile('test/config/legal-options.test.ts');
const clients = inFile('test/e2e/clients-dhcp.test.ts');

/** The tests that rows name. */
export const SHOWN = {
  kinds: messages('§3: each reply is a BOOTREPLY with the magic cookie and one message type'),
  ends: messages('§4.1: options end with END, PAD follows, and nothing comes twice'),
  fields: messages('table 3: the fields of a reply are those of its request, or zero'),
  forbidden: messages('table 3: no reply carries options of requests, and a NAK carries only its reason'),
  nakFields: messages('table 3: a NAK puts no option into file or sname, even if it has little room'),
  flags: messages('§2: only the first bit of the flags is read'),
  size: messages('§2: a client must accept 576 bytes of IP, and a reply is no longer unless the client allows it'),
  overloadWritten: messages('§4.1: option 52 announces options in sname and file, where each lies whole'),
  overloadRead: messages('§4.1: options of a request are read from the option field, then from file, then from sname'),
  padded: messages('§4.1: a padded request, or one without END, is understood'),
  destination: messages('§4.1: giaddr, ciaddr, broadcast flag and kind decide where a reply goes'),
  farInProxy: messages('§4.1: a foreign address in ciaddr gets no answer in proxy mode either, at neither port'),
  nakBroadcastBit: messages('§4.3.2: a NAK through a relay asks the relay to broadcast it'),
  anyAddress: messages('§4.1: a message may name the rack by any of its addresses, not by another server’s'),
  reachable: messages('§4.1: the server identifier is an address of the rack that the client can reach'),
  siaddr: messages('§2: siaddr names the boot server for booting clients, and is zero for others'),
  times: messages('§3.3: times are seconds in 32 bits, and no lease is endless'),
  timers: messages('§4.4.5: T1 is before T2, and T2 before the end, for every lease'),
  restarted: exchanges('§1.6: the disk has a client’s lease as granted, and the client keeps it after a restart'),
  offerHeld: exchanges(
    '§3.1 step 2: an offered address is offered to no other client until its client had time to request it',
  ),
  offerFreed: exchanges('§3.1 step 4: an offer that is not taken up is free again after a while'),
  sameInAck: exchanges('§3.1 step 4: the ACK agrees with the OFFER, for every kind of client'),
  noLateProbe: exchanges('§3.1 step 4: an address is probed before it is offered, not when it is requested'),
  notChosen: exchanges('§3.1 step 4: a server that is not chosen is silent, and its offered address stays free'),
  denied: exchanges('§4.3.2: an address that the client cannot have is denied, and no other is'),
  reboot: exchanges(
    '§4.3.2, INIT-REBOOT: a wrong network is denied, an unknown client is left alone, a known one is answered',
  ),
  fixedMeanwhile: exchanges(
    '§4.3.2, INIT-REBOOT: a running lease is not denied when another address is fixed, but an address it no longer holds is',
  ),
  soleRole: serverRole('RFC 2131 §4.3.2: the answer of a sole server about an address'),
  presumedRole: serverRole('RFC 2131 §4.3.2: the answer of a presumed server about an address'),
  othersRange: exchanges('§3.2: a lease that has ended and belongs to another server’s range is not denied'),
  renewed: exchanges(
    '§4.3.2, RENEWING and REBINDING: the lease runs its full time again, and the answer goes to ciaddr',
  ),
  rebindChecked: exchanges('§4.3.2, REBINDING: a ciaddr that is not the client’s is not extended'),
  declined: exchanges('§4.3.3: a declined address goes to no client for a while, and an event reports it'),
  offerDeclined: exchanges('§4.3.3: a declined address that was only offered goes to no client for a while, either'),
  groupAddress: exchanges(
    '§4.2: a hardware address that belongs to no single host is refused, even where identifiers distinguish clients',
  ),
  movedReservation: moved(
    'a running lease is denied once its client may no longer have the address, but not because another one is fixed for it',
  ),
  released: exchanges('§4.3.4: a released address is free, and remembered for its client'),
  notAnothers: exchanges('§4.3.4: no client releases or declines an address of another'),
  givenBackFrom: back('§4.4.4: a RELEASE is believed from the released address only, a DECLINE by broadcast only'),
  givenBackTo: back(
    'table 5: a DECLINE and a RELEASE name this server; one that names none is believed if it can mean no other',
  ),
  givenBackBy: back(
    '§3.1 step 6: an address got under another identifier is not given back, wherever identifiers count',
  ),
  releasedByHolder: forged('a RELEASE ends a lease only if its holder sends it from the address'),
  checkSwitchedOff: conflicts(
    'nothing is probed if the operator or the host forbids it, nor for networks behind relays',
  ),
  wantedOrForced: given(
    'an option goes to a client that asks for it, in the order of its list, and to others if forced',
  ),
  allWithoutList: given('a client without a list gets every option meant for it, after those it always gets'),
  conditions: given('all conditions of an entry must match'),
  inform: exchanges(
    '§4.3.5: an INFORM gets settings without address, lease time or record, even if another client has the address',
  ),
  informFar: exchanges(
    '§3.4: an INFORM for an address of another network is refused, so no remote host gets an answer',
  ),
  informNoHost: exchanges(
    '§4.3.5: an INFORM with an address that no client can have is refused, so no answer goes to every host of a network or to the rack itself',
  ),
  hardwareIdentity: exchanges('§4.2: a client is identified by its hardware address, with any identifier'),
  parametersOnce: exchanges('§4.3.1: a parameter requested twice comes once, and an unconfigured one does not come'),
  network: exchanges('§4.3.1: the address comes from the network of giaddr, or of the interface'),
  linksApart: inFile('test/dhcp/two-shared-networks.test.ts')(
    'an offer holds its address although the same hardware address has another offer on another shared network',
  ),
  fullReported: exchanges('§4.3.1: an event reports that no address is left'),
  oldestFirst: exchanges('§2.2: the address whose lease ended longest ago goes to another client first'),
  usedAgain: exchanges('§2.2: an address whose lease has ended is probed before it goes to another client'),
  bootp: exchanges('RFC 1542 §3.4 and RFC 951: a BOOTP request gets no answer and a named refusal'),
  notForUs: exchanges('§4.3: messages of servers, and messages of unknown types, get no answer'),
  durable: server('an ACK leaves after its record is durable, and not before'),
  diskRefuses: server('when the disk refuses there is no ACK, no OFFER, and the address is free again'),
  probedAway: server('an address that answers a probe is set aside and the client gets another'),
  fixedProbed: inFile('test/dhcp/conflicts/fixed-address.test.ts')(
    'a fixed address is probed before its first offer, offered at once while its lease runs, and probed after that',
  ),
  chosen: decide('RFC 2131 §4.3.1: the address offered to a DISCOVER'),
  neverAnothers: decide('an address of another client is not offered, however it is requested'),
  promise: decide('a record never ends before an earlier promise to the same client'),
  endlessOver: earlierPromise('a lease without end is over when its client renews a shorter one on time'),
  promiseOver: earlierPromise('a promised year is over when its client renews a shorter lease on time twice in a row'),
  withoutArp: clients(
    'a client without an address gets a direct answer, without ARP, or a broadcast if it asks for that',
  ),
  byIdentifier: inFile('test/dhcp/networks/client-identity.test.ts')(
    'by identifier, two clients of one hardware address have two addresses, and keep them',
  ),
  roams: inFile('test/dhcp/networks/client-identity.test.ts')(
    'by identifier, a client that roams to another hardware address keeps its address',
  ),
  onlyByIdentifier: inFile('test/dhcp/networks/client-identity.test.ts')(
    'by identifier, a client cannot renew, release or decline what another identifier holds',
  ),
  neverDivided: inFile('test/dhcp/wire/option-layout.test.ts')('an option of at most 255 bytes is never divided'),
  fileGivesWay: inFile('test/dhcp/wire/option-layout.test.ts')(
    'RFC 2132 §9.4: a boot file that option 67 repeats yields its field to options without other room',
  ),
  circuitLimit: inFile('test/dhcp/bounds.test.ts')(
    'the flood on one circuit of a relay does not hold back another circuit',
  ),
  maskFirst: options('RFC 2132 §3.3: the mask comes before the router, in any order of the request'),
  lengths: options('RFC 2132: each option sent has the length of its type'),
  listOrder: options('RFC 2132 §9.8: options come in the order in which the client requests them'),
  noList: options('RFC 2132 §9.8: a client that sends no list gets mask, router and name servers'),
  sizeFloor: options('RFC 2132 §9.10: a maximum message size below 576 counts as 576'),
  t1t2: options('RFC 2132 §9.11 and §9.12: T1 and T2 come with each lease'),
  vendorIgnored: options('RFC 2132 §9.13 and §8.4: unknown vendor classes and vendor options change nothing'),
  vendorClassOut: options('RFC 2132 §9.13: a server’s class goes only to clients that boot by HTTP, which read it'),
  bootNames: options(
    'RFC 2132 §9.4 and §9.5: a boot client gets server and file in options 66 and 67 and in the fields',
  ),
  opaqueId: options('RFC 2132 §9.14 and RFC 4361 §6.1: a client identifier is opaque bytes of any length'),
  idEchoed: options('RFC 6842 §3: OFFER, ACK and NAK repeat the client identifier if the client sent one'),
  joined: options('RFC 3396 §5 and §7: an option in pieces is one value, wherever the pieces lie'),
  split: options('RFC 3396 §6: a value over 255 bytes is written in pieces, the first of them full'),
  goesOn: layout('RFC 3396 §7: a long option continues from the option field into file and then into sname'),
  fieldsKept: layout('a field keeps a text that no option repeats, or whose option does not fit itself'),
  values: values('a value becomes the bytes of its type'),
  pointers: values('RFC 3397 §2: a repeated end of a name is a pointer to the first'),
  legalValues: legal(
    'an illegal value of any option is refused with the rule and its RFC, a legal one just inside accepted',
  ),
  legalShapes: legal('bytes written as hex must have the shape of the option, unless the vendor defines its contents'),
  routesInstead: given('RFC 3442: a client that asks for routes gets them instead of router and static routes'),
  defaultRoute: inFile('test/config/option-list.test.ts')(
    'routes without a default route get one through the network’s router',
  ),
  userClass: options('RFC 3004 §4: a user class is read with and without a length byte'),
  architectures: options(
    'RFC 4578 §2.1: the architecture is a list, of which the first known one counts; EBC is x86-64',
  ),
  notEchoed: options('RFC 4578 §2.1: architecture and interface of a client do not go back to it'),
  uuid: options('RFC 4578 §2.3: a booting machine gets its UUID back, byte for byte'),
  nameAnswered: options('RFC 4702 §4: OFFER and ACK repeat the name if the client sent one, in the same encoding'),
  nameFlags: options('RFC 4702 §2.1: S and N report what this server does, and O that it overrode the client'),
  nameKept: options(
    'RFC 4702 §3.1: option 81 replaces option 12, even if it has no valid name, and neither name is kept if the client forbids it',
  ),
  nameEncoded: inFile('test/dhcp/wire/client-fqdn.test.ts')(
    'the answer has the client’s encoding, 255 for each RCODE, and O if S differs from the client’s wish',
  ),
  namesRcodes: inFile('test/dhcp/wire/client-fqdn.test.ts')('the RCODEs of a client are not read'),
  wrongLength: options('RFC 2132 §2: an option of a wrong length is ignored, and the client is served'),
  agentEchoed: relays('RFC 3046 §2.2: the agent information goes back in every reply, last, whole and byte for byte'),
  agentOnTop: relays(
    'RFC 3046 §2.2: agent information takes no room from the client, because it is removed before the client sees it',
  ),
  agentTooLong: relays(
    'RFC 3046 §2.2: agent information for which a reply has no room is left out whole, and an event reports it',
  ),
  agentPlace: relays('RFC 3046 §2.2: agent information is never in file or sname, even when other options are'),
  agentUnicast: relays(
    'RFC 3046 §2.2: a relay agent’s option comes back, even in a unicast; without one, none is sent',
  ),
  agentStored: relays('RFC 3046 §3.1 and §3.2: the lease keeps circuit id and remote id unchanged'),
  subOptions: relays('RFC 3046 §2.0: sub-options come in any order, may be empty, and unknown ones are ignored'),
  linkSelection: relays(
    'RFC 3527 §3: link selection names the network, before giaddr and 118; the reply still goes to giaddr',
  ),
  ownRelays: relays('RFC 2131 §4.1: only an allowed relay agent is answered, for every network it names'),
  relaySource: agents(
    'a relay agent is believed if it sends from its address, from a source the network names, or from a served network',
  ),
  unserved: relays('RFC 3527 §3 and RFC 3011 §2: a selected network that is not served gets no address of another one'),
  subnetSelection: relays('RFC 3011 §2: subnet selection names the network before giaddr, and every reply repeats it'),
  withoutRelay: relays(
    'RFC 3011 §2: without a relay agent, a client gets a network of another shared network only if that network lists it',
  ),
  ofItsWire: agents(
    'without a relay agent, a message is about the shared network it comes from, or comes from a source the network names',
  ),
  override: relays(
    'RFC 5107 §4: the override is the server identifier of each reply, and names this server in a request',
  ),
  overrideWrong: relays('RFC 5107 §4: an override of a wrong length is ignored'),
  toRelay: relays(
    'RFC 1542 §5.4: a reply to a relay goes to its giaddr and the server port, from the address that received the request',
  ),
} as const satisfies Readonly<Record<string, Proof>>;

/** Rows of one RFC. */
export const rowsOf = (rfc: number) => ({
  met: (section: string, level: Must['level'], demand: string, ...tests: readonly Proof[]): Must => ({
    rfc,
    section,
    level,
    demand,
    because: undefined,
    tests,
  }),
  departs: (
    section: string,
    level: Must['level'],
    demand: string,
    because: string,
    ...tests: readonly Proof[]
  ): Must => ({ rfc, section, level, demand, because, tests }),
});
