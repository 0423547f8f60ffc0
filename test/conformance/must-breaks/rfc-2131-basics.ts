// RFC 2131 §1 to §3: how each demand is broken.

import { type BrokenMust, brokenIn, swap } from './row.ts';

const broken = brokenIn(2131);

const DESTINATION = 'wire/destination.ts';
const REPLY = 'answers/reply.ts';
const REQUEST = 'answers/decide-request.ts';
const INFORM = "  const settings = settingsFor(inquiry, state, served, 'ack', ANY);\n";

/** §3.4 and §4.3.5 demand the same of the answer to an INFORM. */
export const INFORMS_ADDRESS = [swap('answers/decide.ts', INFORM, INFORM.replace('ANY', 'message.ciaddr'))];

/** In the order of the rows. */
export const BASICS: readonly BrokenMust[] = [
  broken(
    '1.6',
    'No address is in use by two clients at a time.',
    swap(
      'leases/allocate.ts',
      "return isSameClient(served, lease, client) ? undefined : 'address-leased';",
      'return undefined;',
    ),
  ),
  broken(
    '1.6',
    'The bindings of clients survive a restart of the server.',
    swap(
      'responder.ts',
      'table.apply(lease, journal.append(lease));',
      "table.apply(lease, journal.append({ ...lease, state: 'released' }));",
    ),
  ),
  broken(
    '1.6',
    'Fixed assignments to certain clients can be made.',
    swap(
      'leases/allocate.ts',
      "  if (fixed !== undefined && barred === undefined) return { kind: 'address', ...fixed };\n",
      '',
    ),
  ),
  broken(
    '1.6',
    'BOOTP clients are served.',
    swap(
      'answers/inquiry.ts',
      "  if (!message.options.has(OPTION.messageType)) return { kind: 'refused', reason: 'bootp-unsupported', mac };\n" +
        '  const type = optionU8(message.options, OPTION.messageType);',
      '  const type = message.options.has(OPTION.messageType) ? optionU8(message.options, OPTION.messageType) : 1;',
    ),
  ),
  broken(
    '2',
    'The server identifier that is sent is an address of the server.',
    swap(REPLY, 'return known ?? addressBytes(serverIdentifier);', 'return addressBytes(subnet.network.address);'),
  ),
  broken(
    '2',
    'siaddr is the server of the next step of a boot.',
    swap(REPLY, 'siaddr: plan?.serverAddress ?? ANY,', 'siaddr: ANY,'),
  ),
  broken(
    '2',
    'Options over 312 bytes are sent only to a client that says it accepts them.',
    swap(REPLY, 'OPTION.maximumMessageSize) ?? 0;', 'OPTION.maximumMessageSize) ?? 1500;'),
  ),
  broken(
    '2',
    'The reserved bits of the flags are ignored.',
    swap(DESTINATION, '(request.flags & BROADCAST_FLAG) !== 0', 'request.flags !== 0'),
  ),
  broken(
    '2.1',
    'Clients are known by network and hardware address, unless they name an identifier.',
    swap(
      'leases/offers.ts',
      '    this.drop(client, sharedNetwork);\n',
      '    for (const offer of this.#byAddress.values()) if (offer.client === client) this.#remove(offer);\n',
    ),
  ),
  broken(
    '2.2',
    'An address is not given to another client before its lease ends.',
    swap(
      'answers/give-back.ts',
      'return isSameClient(served, lease, inquiry) && !showsAnother(inquiry, lease) ? { lease, served } : undefined;',
      'return { lease, served };',
    ),
    swap(
      'leases/lease-table.ts',
      "lease !== undefined && lease.state !== 'released' && lease.expiresAt > now;",
      "lease !== undefined && lease.state !== 'released' && (lease.grantedAt + lease.expiresAt) / 2 > now;",
    ),
  ),
  broken('3', 'A reply has op 2 and the magic cookie.', swap(REPLY, 'op: BOOT_REPLY,', 'op: request.op,')),
  broken(
    '3',
    'Each message has a message type.',
    swap(REPLY, '  options.set(OPTION.messageType, TYPE_BYTES[settings.type]);\n', ''),
  ),
  broken(
    '3.1',
    'A server that was not selected takes the REQUEST as a refusal of its offer.',
    swap(
      REQUEST,
      "    if (!isOwnIdentifier(inquiry, state)) return ignore(inquiry, 'other-server-chosen', address);\n",
      '',
    ),
  ),
  broken(
    '3.1',
    'The binding is in persistent storage before the ACK.',
    swap(
      'responder.ts',
      '    if (sequence === undefined) this.#turn.conclude(outcome);\n    else this.#waiting.add(sequence, { ...outcome, lease });',
      '    this.#turn.conclude(outcome);',
    ),
  ),
  broken(
    '3.1',
    'A lease is returned under the client identifier under which it was granted.',
    swap(
      'answers/give-back.ts',
      'isSameClient(served, lease, inquiry) && !showsAnother(inquiry, lease)',
      'isSameClient(served, lease, inquiry)',
    ),
  ),
  broken(
    '3.2',
    'A NAK to a client on the wire is broadcast to 255.255.255.255.',
    swap(DESTINATION, "  if (kind === 'nak') return { kind: 'broadcast', port: ports.clientPort };\n", ''),
  ),
  broken(
    '3.2',
    'A NAK to a client behind a relay goes to the relay.',
    swap(DESTINATION, 'if (request.giaddr !== ANY) return', "if (request.giaddr !== ANY && kind !== 'nak') return"),
  ),
  broken(
    '3.3',
    'Times are relative, in seconds, in 32 bits without sign.',
    swap('networks/network-options.ts', 'lease: u32Bytes(leaseTime)', 'lease: u32Bytes(leaseTime).subarray(2)'),
  ),
  broken(
    '3.3',
    'All ones mean forever.',
    swap('answers/earlier-promise.ts', '  if (isEndless || promised.cameOnTime === true) return next;\n', ''),
    swap(
      'networks/lease-time.ts',
      '  if (boots) return',
      '  if (optionU32(message.options, OPTION.leaseTime) === 0xffff_ffff) return seconds(0xffff_ffff);\n  if (boots) return',
    ),
  ),
  broken(
    '3.4',
    'An INFORM is answered without a new address and without checking bindings.',
    swap(
      'answers/decide.ts',
      INFORM,
      '  const chosen = chooseAddress(served, inquiry, undefined, state, inquiry.now);\n' +
        "  const settings = settingsFor(inquiry, state, served, 'ack', chosen.address ?? ANY);\n",
    ),
  ),
  broken('3.4', 'The answer to an INFORM has neither yiaddr nor a lease time.', ...INFORMS_ADDRESS),
  broken(
    '3.4',
    'An INFORM is not checked for an existing lease.',
    swap(
      'answers/decide.ts',
      INFORM,
      '  if (findOwn(served, inquiry, state.leases, inquiry.now).running?.address !== message.ciaddr)\n' +
        `    return ignore(inquiry, 'no-record', message.ciaddr);\n${INFORM}`,
    ),
  ),
];
