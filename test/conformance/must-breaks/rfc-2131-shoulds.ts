// RFC 2131, its SHOULDs for servers: how each demand is broken.

import { INFORMS_ADDRESS } from './rfc-2131-basics.ts';
import { type BrokenMust, brokenIn, swap } from './row.ts';

const broken = brokenIn(2131);

const ALLOCATE = 'leases/allocate.ts';
const DECIDE = 'answers/decide.ts';
const DESTINATION = 'wire/destination.ts';
const INQUIRY = 'answers/inquiry.ts';
const LEASE_TIME = 'networks/lease-time.ts';
const REPLY = 'answers/reply.ts';
const REQUEST = 'answers/decide-request.ts';
const RESPONDER = 'responder.ts';

const NEEDS_PROBE =
  'if (isActive(record, now) && isSameClient(served, record, inquiry) && record.isDoubted !== true) return false;';
const OWN = '[own.running?.address, offered, own.newest?.address]';
const ON_OFFER =
  "return holder === undefined || holder === identityIn(served, client) ? undefined : 'address-offered';";
const RECORDED = '        else this.#record(decision.records, composeOutcome(decision, request), request, decision);\n';
const PROBES =
  'this.#ports.findConflict?.(decision.message.yiaddr, decision.served.subnet.interfaceName ?? decision.served.subnet.name);';
/** §3.1 and §4.3.1 demand the same of an offered address. */
const OFFERED_TWICE = [swap(ALLOCATE, ON_OFFER, 'return undefined;')];

/** §2 and §3, in the order of the rows. */
const BASICS: readonly BrokenMust[] = [
  broken('1.6', 'A client that was restarted gets what it had before.', swap(ALLOCATE, OWN, '[offered]')),
  broken(
    '2.2',
    'The address to be used again is chosen with care, the oldest for example.',
    swap(ALLOCATE, 'leases.findEnded(range, now);', 'leases.findAllEnded(range, now, 256).at(-1);'),
  ),
  broken(
    '2.2',
    'An address that is used again is probed first.',
    swap(DECIDE, NEEDS_PROBE, 'if (record !== undefined) return false;'),
  ),
  broken(
    '3.1',
    'A new address is checked for being in use before it is offered.',
    swap(DECIDE, NEEDS_PROBE, `if (record === undefined) return false;\n  ${NEEDS_PROBE}`),
  ),
  broken(
    '3.1',
    'An administrator can switch that check off.',
    swap(
      'conflicts/conflict-check.ts',
      'conflictCheck === false || interfaceName === undefined',
      'interfaceName === undefined',
    ),
  ),
  broken('3.1', 'An address that was offered is not given to another client meanwhile.', ...OFFERED_TWICE),
  broken(
    '3.1',
    'The ACK does not contradict the OFFER before it.',
    swap(REPLY, 'file: fileField(plan?.file),', "file: settings.type === 'offer' ? fileField(plan?.file) : '',"),
  ),
  broken(
    '3.1',
    'The offered address is not probed again when it is requested.',
    swap(
      RESPONDER,
      RECORDED,
      `        else if (request.message.options.has(54)) void ${PROBES}\n${RECORDED.replace('else ', '')}`,
    ),
  ),
  broken(
    '3.1',
    'A REQUEST that cannot be satisfied is answered with NAK.',
    swap(
      REQUEST,
      '  if (objection !== undefined) return nak(inquiry, state, address, objection);\n  if (isOwnLease(',
      "  if (objection !== undefined) return ignore(inquiry, 'no-record', address);\n  if (isOwnLease(",
    ),
  ),
  broken(
    '3.1',
    'An offered address is free again when its client does not ask for it.',
    swap('leases/offers.ts', 'OFFER_HOLD_MS = 30_000;', 'OFFER_HOLD_MS = 3_600_000;'),
  ),
  broken(
    '3.2',
    'The address of a client that comes back is not checked on the wire.',
    swap(
      RESPONDER,
      RECORDED,
      `        else if (!request.message.options.has(54)) void ${PROBES}\n${RECORDED.replace('else ', '')}`,
    ),
  ),
  broken(
    '3.2',
    'A client that has moved to another network is answered with NAK.',
    swap(
      REQUEST,
      "roleOn(inquiry, state.foreign) !== 'guest' || hasRecord(inquiry, state)",
      'hasRecord(inquiry, state)',
    ),
  ),
  broken(
    '3.2',
    'A server answers only if it is certain that its answer is right.',
    swap(REQUEST, "(role === 'presumed' && objection !== 'address-outside-range')", "role === 'presumed'"),
  ),
  broken(
    '3.2',
    'A server does not deny an ended binding of another server.',
    swap(
      REQUEST,
      "const isWrong = roleOn(inquiry, state.foreign) === 'sole';",
      "const isWrong = roleOn(inquiry, state.foreign) !== 'guest';",
    ),
  ),
  broken(
    '3.4',
    'That answer goes to ciaddr by unicast.',
    swap(
      DECIDE,
      "destination: chooseDestination(message, 'settings', ANY, state.ports),",
      "destination: { kind: 'broadcast', port: state.ports.clientPort },",
    ),
  ),
  broken(
    '3.4',
    'The address of an INFORM is checked for consistency.',
    swap(DECIDE, '(message.giaddr === ANY ? undefined : inquiry.sharedNetwork[0]);', 'inquiry.sharedNetwork[0];'),
  ),
  broken(
    '3.5',
    'A REQUEST for an address that is not valid is answered with NAK.',
    swap(
      REQUEST,
      "if (served === undefined) return nak(inquiry, state, address, 'wrong-network');",
      "if (served === undefined) return ignore(inquiry, 'no-record', address);",
    ),
  ),
];

/** §4, in the order of the rows. */
const ANSWERS: readonly BrokenMust[] = [
  broken(
    '4.1',
    'On the wire of the client it is the server’s address there.',
    swap(
      INQUIRY,
      'if (served.subnet.serverAddress !== undefined) return served.subnet.serverAddress;',
      'if (served.subnet.serverAddress !== undefined) return [...subnets.ownAddresses].at(-1);',
    ),
  ),
  broken(
    '4.1',
    'Behind a relay it is the address of the interface that received the request.',
    swap(INQUIRY, '  if (localAddress !== ANY) return localAddress;\n', ''),
  ),
  broken(
    '4.1',
    'The broadcast flag counts where the server answers the client directly.',
    swap(DESTINATION, '(request.flags & BROADCAST_FLAG) !== 0', '(request.flags & BROADCAST_FLAG) === 0'),
  ),
  broken(
    '4.1',
    'With the flag, the answer is an IP and link-layer broadcast.',
    swap(
      DESTINATION,
      "|| yiaddr === ANY) return { kind: 'broadcast', port: ports.clientPort };",
      "|| yiaddr === ANY) return { kind: 'unicast', address: yiaddr, port: ports.clientPort };",
    ),
  ),
  broken(
    '4.1',
    'Without it, the answer goes to yiaddr and chaddr by unicast.',
    swap(
      DESTINATION,
      "return { kind: 'hardware', address: yiaddr, mac: macFromBytes(request.chaddr), port: ports.clientPort };",
      "return { kind: 'broadcast', port: ports.clientPort };",
    ),
  ),
  broken('4.1', 'If unicast to a client without an address is impossible, the answer is broadcast.', {
    file: 'net/datagrams/udp-dgram-socket.ts',
    from: "if (to.kind === 'unicast' || (to.kind === 'hardware' && isLoopback(to.address))) return to.address;",
    to: "if (to.kind !== 'broadcast') return to.address;",
  }),
  broken(
    '4.3.1',
    'The address is, in this order, the current one, the former one, the requested one, a new one.',
    swap(ALLOCATE, OWN, '[requested, own.running?.address, offered, own.newest?.address]'),
  ),
  broken(
    '4.3.1',
    'A new address fits the network of giaddr, or of the interface.',
    swap(DECIDE, 'of preferred(inquiry, state, requested))', 'of state.subnets.served)'),
  ),
  broken(
    '4.3.1',
    'The lack of addresses is reported.',
    swap(
      'turn.ts',
      '    if (sample === undefined) return;\n    this.conclude({ reply: undefined, event: refusedEvent(',
      "    if (sample === undefined || reason === 'range-exhausted') return;\n    this.conclude({ reply: undefined, event: refusedEvent(",
    ),
  ),
  broken('4.3.1', 'An offered address is given to no other client before the first has answered.', ...OFFERED_TWICE),
  broken(
    '4.3.1',
    'OFFER and ACK carry a message (56).',
    swap(
      REPLY,
      '  addTimes(options, settings);\n',
      "  addTimes(options, settings);\n  options.set(OPTION.message, textBytes('welcome'));\n",
    ),
  ),
  broken(
    '4.3.2',
    'The ACK does not contradict the OFFER.',
    swap(
      REPLY,
      '  addTimes(options, settings);\n',
      "  addTimes(options, settings);\n  if (settings.type === 'ack') options.set(OPTION.renewalTime, addressBytes(ANY));\n",
    ),
  ),
  broken(
    '4.3.2',
    'Offered addresses are not given to other clients.',
    swap(
      REQUEST,
      '  if (objection !== undefined) return nak(inquiry, state, address, objection);\n  if (isOwnLease(',
      "  if (objection !== undefined && objection !== 'address-offered') return nak(inquiry, state, address, objection);\n  if (isOwnLease(",
    ),
  ),
  broken(
    '4.3.2',
    'INIT-REBOOT with a wrong address or on a wrong network is denied.',
    swap(
      REQUEST,
      "return roleOn(inquiry, state.foreign) !== 'guest' || hasRecord(inquiry, state)\n    ?",
      'return false ?',
    ),
    swap(
      REQUEST,
      'if (!isOwnLease(inquiry, state, served, address) && canHaveAnother(inquiry, state, address)) {',
      'if (false) {',
    ),
  ),
  broken(
    '4.3.2',
    'A client is denied its address when its reservation has moved to another address.',
    swap(
      REQUEST,
      'if (!isOwnLease(inquiry, state, served, address) && canHaveAnother(inquiry, state, address)) {',
      'if (canHaveAnother(inquiry, state, address)) {',
    ),
  ),
  broken(
    '4.3.2',
    'The wrong network is recognised by giaddr, or by the interface, and its mask.',
    swap('networks/subnet.ts', '  if (message.giaddr !== ANY) return message.giaddr;\n', ''),
  ),
  broken(
    '4.3.2',
    'An ACK comes even if the lease is not extended.',
    swap(
      REQUEST,
      '  const settings = remaining === undefined ? full :',
      "  if (remaining !== undefined) return ignore(inquiry, 'superseded', address);\n  const settings = remaining === undefined ? full :",
    ),
  ),
  broken(
    '4.3.2',
    'In REBINDING ciaddr is checked before it is answered.',
    swap(
      REQUEST,
      '  if (objection !== undefined) {\n    // An address outside',
      '  if (false) {\n    // An address outside',
    ),
  ),
  broken(
    '4.3.3',
    'A decline is reported to the administrator.',
    swap(
      RESPONDER,
      'this.#record(records, { reply: undefined, event, isRepeat }, request);',
      'for (const lease of records) this.#ports.table.apply(lease, this.#ports.journal.append(lease));',
    ),
  ),
  broken(
    '4.3.4',
    'Its client is remembered, and may have it again.',
    swap(ALLOCATE, OWN, '[own.running?.address, offered]'),
  ),
  broken('4.3.5', 'That ACK has no yiaddr.', ...INFORMS_ADDRESS),
  broken(
    '4.4.5',
    'T1 and T2 are sent, and follow from the remaining time.',
    swap(REPLY, '  options.set(OPTION.renewalTime, times.renewal);\n', ''),
  ),
  broken(
    '4.4.5',
    'T1 and T2 are randomised.',
    swap(LEASE_TIME, 'Math.floor(leaseTime / 2)', 'Math.floor(leaseTime * (0.4 + Math.random() / 10))'),
  ),
];

export const RFC_2131_SHOULDS: readonly BrokenMust[] = [...BASICS, ...ANSWERS];
