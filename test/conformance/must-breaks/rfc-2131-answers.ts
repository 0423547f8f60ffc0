// RFC 2131 §4.3 and §4.4: how each demand is broken.

import { type BrokenMust, brokenIn, swap } from './row.ts';

const broken = brokenIn(2131);

const ALLOCATE = 'leases/allocate.ts';
const DECIDE = 'answers/decide.ts';
const DESTINATION = 'wire/destination.ts';
const GIVE_BACK = 'answers/give-back.ts';
const REPLY = 'answers/reply.ts';
const REQUEST = 'answers/decide-request.ts';

const WITHOUT_TIME = 'composeReply(inquiry, { ...settings, leaseTime: undefined })';
const NAK_ECHOES = '  addDemandedEchoes(options, message);\n  options.set(OPTION.message, textBytes(text));\n';
const ECHOES = '  addDemandedEchoes(options, message);\n  const list =';
const OWN_VALUE = 'return served.options.byCode.get(code);';
const EACH_WANTED = 'for (const code of list ?? DEFAULT_PARAMETERS)';

/** In the order of the rows. */
export const ANSWERS: readonly BrokenMust[] = [
  broken(
    '4.3.1',
    'A client with an address that requests no lease time gets the remaining time of its lease.',
    swap(
      REQUEST,
      'const remaining = held && remainingTime(held, lease, now);',
      'const remaining = held && (Math.floor((held.expiresAt - now) / 1000) as typeof held.duration);',
    ),
  ),
  broken(
    '4.3.1',
    'A client without an address that requests no lease time gets the configured one.',
    swap(
      'networks/lease-time.ts',
      '  if (leaseTimeMin === undefined && leaseTimeMax === undefined) return leaseTime;',
      '  if (leaseTimeMin === undefined && leaseTimeMax === undefined) return PXE_LEASE_SECONDS;',
    ),
  ),
  broken('4.3.1', 'Fields of a reply are as table 3 has them.', swap(REPLY, '    hops: 0,', '    hops: request.hops,')),
  broken(
    '4.3.1',
    'Replies carry none of the options 50, 55 and 57.',
    swap(REPLY, ECHOES, `  echo(options, message, OPTION.maximumMessageSize);\n${ECHOES}`),
  ),
  broken(
    '4.3.1',
    'OFFER, and ACK to a REQUEST, carry the lease time.',
    swap(REPLY, '  options.set(OPTION.leaseTime, times.lease);\n', ''),
  ),
  broken(
    '4.3.1',
    'NAK, and ACK to an INFORM, carry no lease time.',
    swap(REPLY, NAK_ECHOES, `  options.set(OPTION.leaseTime, Uint8Array.of(0, 0, 2, 88));\n${NAK_ECHOES}`),
  ),
  broken(
    '4.3.1',
    'A NAK uses neither file nor sname.',
    swap(
      'wire/option-layout.ts',
      'if (plain.omitted.length === 0 || isNak) return',
      'if (plain.omitted.length === 0) return',
    ),
  ),
  broken(
    '4.3.1',
    'OFFER and ACK carry no client identifier.',
    swap(REPLY, ECHOES, ECHOES.replace('  const', '  options.delete(OPTION.clientIdentifier);\n  const')),
  ),
  broken(
    '4.3.1',
    'Every reply carries the server identifier.',
    swap(REPLY, '  options.set(OPTION.serverIdentifier, addressBytes(serverIdentifier));\n', ''),
  ),
  broken(
    '4.3.1',
    'A NAK carries no other options.',
    swap(REPLY, NAK_ECHOES, '  options.set(OPTION.message, textBytes(text));\n'),
  ),
  broken(
    '4.3.1',
    'A requested and configured parameter is given.',
    swap(REPLY, EACH_WANTED, 'for (const code of DEFAULT_PARAMETERS)'),
  ),
  broken(
    '4.3.1',
    'A requested parameter of the Host Requirements is given with their default.',
    swap(REPLY, OWN_VALUE, 'return code === 23 ? u8Bytes(64) : served.options.byCode.get(code);'),
  ),
  broken(
    '4.3.1',
    'An unknown parameter is given no value.',
    swap(REPLY, OWN_VALUE, 'return served.options.byCode.get(code) ?? u8Bytes(0);'),
  ),
  broken(
    '4.3.1',
    'The server gives as many of the requested parameters as it has, and no others.',
    swap(REPLY, EACH_WANTED, 'for (const code of (list ?? DEFAULT_PARAMETERS).slice(0, 3))'),
  ),
  broken(
    '4.3.1',
    'Each requested parameter comes once.',
    swap(REPLY, '    if (!options.has(code)) addParameter(', '    addParameter('),
    swap(
      'wire/message-options.ts',
      '    if (index !== -1) {\n      this.values[index] = value;\n      return;\n    }\n',
      '',
    ),
  ),
  broken(
    '4.3.1',
    'The reply gives the client’s address and its lease time.',
    swap(REPLY, 'yiaddr: settings.address,', "yiaddr: settings.type === 'offer' ? settings.address : ANY,"),
  ),
  broken(
    '4.3.1',
    'Parameters configured for this client, its class or its network are given even if not requested.',
    swap(REPLY, EACH_WANTED, 'for (const code of list ?? [])'),
    swap(
      REPLY,
      'of list === undefined ? configured.codes() : configured.forced()',
      'of list === undefined ? configured.forced() : configured.codes()',
    ),
    swap(
      REPLY,
      'if (list === undefined || configured.find(code)?.force === true) addParameter',
      'if (list !== undefined || configured.find(code)?.force === true) addParameter',
    ),
  ),
  broken(
    '4.3.1',
    'Parameters configured for a client’s class are chosen by exact match of the class.',
    swap('networks/conditions.ts', 'return isPrefix ? said.startsWith(text) : said === text;', 'return said === text;'),
  ),
  broken(
    '4.3.1',
    'xid goes from DISCOVER into OFFER.',
    swap(REPLY, '    xid,\n    secs: 0,', '    xid: 0,\n    secs: 0,'),
  ),
  broken(
    '4.3.2',
    'A REQUEST with a server identifier answers an offer, one without verifies or extends.',
    swap(REQUEST, 'if (message.options.has(OPTION.serverIdentifier)) {', 'if (requested !== undefined) {'),
  ),
  broken(
    '4.3.2',
    'A server without a record of the client stays silent.',
    swap(
      REQUEST,
      "return known || roleOn(inquiry, state.foreign) === 'sole'",
      "return known || roleOn(inquiry, state.foreign) !== 'sole'",
    ),
  ),
  broken(
    '4.3.2',
    'A NAK on the wire is broadcast.',
    swap(
      DESTINATION,
      "if (kind === 'nak') return",
      "if (kind === 'nak' && (request.flags & BROADCAST_FLAG) !== 0) return",
    ),
  ),
  broken(
    '4.3.2',
    'A NAK to a relay has the broadcast bit.',
    swap(
      REPLY,
      'const flags = message.giaddr === ANY ? message.flags : message.flags | BROADCAST_FLAG;',
      'const flags = message.flags;',
    ),
  ),
  broken(
    '4.3.2',
    'In RENEWING the answer goes to ciaddr.',
    swap(
      DESTINATION,
      'if (request.ciaddr !== ANY && isNear) return',
      'if (request.ciaddr !== ANY && yiaddr === ANY) return',
    ),
  ),
  broken(
    '4.3.2',
    'In RENEWING the ciaddr of the message is trusted.',
    swap('networks/relays.ts', 'const isOwn = ciaddr === ANY || from === ciaddr;', 'const isOwn = true;'),
  ),
  broken(
    '4.3.2',
    'Only a server with authority over an address extends its lease.',
    swap(
      ALLOCATE,
      "  if (dynamic === undefined || !rangeContains(dynamic, address)) return 'address-outside-range';\n",
      '',
    ),
  ),
  broken(
    '4.3.3',
    'A declined address is not available.',
    swap(
      ALLOCATE,
      "  if (lease.state === 'declined') return 'address-declined';",
      "  if (lease.state === 'declined') return undefined;",
    ),
  ),
  broken(
    '4.3.4',
    'A released address is not allocated any more.',
    swap(GIVE_BACK, "({ ...lease, state: 'released', expiresAt: now })", '({ ...lease, grantedAt: now })'),
  ),
  broken(
    '4.3.4',
    'Whatever the source of its datagram, a RELEASE frees the address in its ciaddr.',
    swap(
      GIVE_BACK,
      "  if (message.giaddr === ANY && from !== undefined && from !== address) {\n    return ignore(inquiry, 'sent-from-elsewhere', address);\n  }\n",
      '',
    ),
  ),
  broken(
    '4.3.5',
    'An INFORM is answered with ACK to ciaddr.',
    swap('answers/inquiry.ts', 'if (message.ciaddr !== ANY && isNoHost(message.ciaddr, state.subnets))', 'if (false)'),
  ),
  broken('4.3.5', 'That ACK has no lease time.', swap(DECIDE, WITHOUT_TIME, 'composeReply(inquiry, settings)')),
  broken(
    '4.3.6',
    'The state of a client is recognised by server identifier, requested address and ciaddr (table 4).',
    swap(REQUEST, 'if (message.options.has(OPTION.serverIdentifier)) {', 'if (requested !== undefined) {'),
    swap(REQUEST, '  if (message.ciaddr !== ANY) return decideExtension(inquiry, state, message.ciaddr);\n', ''),
  ),
  broken(
    '4.4.1',
    'DECLINE and RELEASE name the server (table 5).',
    swap(
      GIVE_BACK,
      'if (!message.options.has(OPTION.serverIdentifier) && !isByUnicast(inquiry)) {',
      'if (!message.options.has(OPTION.serverIdentifier)) {',
    ),
  ),
  broken(
    '4.4.4',
    'A RELEASE comes from its client to the server alone, a DECLINE by broadcast; any other is forged.',
    swap(GIVE_BACK, "  if (isByUnicast(inquiry)) return ignore(inquiry, 'sent-from-elsewhere', address);\n", ''),
  ),
  broken(
    '4.4.5',
    'T1 is before T2, and T2 before the end of the lease.',
    swap('networks/lease-time.ts', '? Math.floor((leaseTime * 7) / 8)', '? leaseTime'),
  ),
  broken(
    '4.1',
    'Clients repeat unanswered messages; a repeated message is answered again.',
    swap('responder.ts', '    this.#offers.hold(address,', '    if (isRepeat) return;\n    this.#offers.hold(address,'),
  ),
  broken(
    '4.3.2',
    'RENEWING: ciaddr is the client’s address; a renewal that nevertheless names its server is answered.',
    swap(REQUEST, 'requested ?? (message.ciaddr === ANY ? undefined : message.ciaddr);', 'requested;'),
  ),
  broken(
    '4.4.1',
    'Options of requests are as table 5 has them; options that should not be there are ignored.',
    swap(
      'answers/inquiry.ts',
      '  const type = optionU8(message.options, OPTION.messageType);\n',
      '  const isOdd = [...message.options.keys()].some((code) => code > OPTION.classlessRoutesMicrosoft);\n' +
        '  const type = isOdd ? undefined : optionU8(message.options, OPTION.messageType);\n',
    ),
  ),
  broken(
    '4.4.3',
    'An INFORM goes to port 67; one that asks for lease times gets none.',
    swap(
      DECIDE,
      WITHOUT_TIME,
      'composeReply(inquiry, message.options.get(55)?.includes(51) ? settings : { ...settings, leaseTime: undefined })',
    ),
  ),
];
