// Demands that are broken in one case only, and kept in all others. One test of the row must see it.

import { type BrokenMust, brokenIn, type Replacement, swap } from './row.ts';

/** A row of the table of demands, broken in one case. */
export interface PartialBreak extends BrokenMust {
  /** The case: the demand holds, `except in a NAK`. */
  readonly except: string;
}

/** The name of a break. */
export const nameOf = ({ rfc, section, demand, except }: PartialBreak): string =>
  `RFC ${rfc} §${section}: ${demand} (${except})`;

const partlyIn =
  (rfc: number) =>
  (section: string, demand: string, except: string, ...breaks: readonly Replacement[]): PartialBreak => ({
    ...brokenIn(rfc)(section, demand, ...breaks),
    except,
  });

const basic = partlyIn(2132);
const dhcp = partlyIn(2131);
const agent = partlyIn(3046);
const naming = partlyIn(4702);
const selection = partlyIn(3011);
const override = partlyIn(5107);
const pxe = partlyIn(4578);
const node = partlyIn(4361);
const userClass = partlyIn(3004);
const routes = partlyIn(3442);

const DECIDE = 'answers/decide.ts';
const DESTINATION = 'wire/destination.ts';
const GIVE_BACK = 'answers/give-back.ts';
const OPTIONS = 'wire/options.ts';
const REPLY = 'answers/reply.ts';
const REQUEST = 'answers/decide-request.ts';
const TERMS = 'answers/terms.ts';

const NAK = '  return replyTo(message, { flags, options });';
const INFORM = '  const reply = composeReply(inquiry, { ...settings, leaseTime: undefined });\n';
const ECHOED_AGENT = '  echo(options, request, OPTION.relayAgentInformation);\n';

/** RFC 2131. */
const EXCHANGES: readonly PartialBreak[] = [
  dhcp(
    '2',
    'siaddr is the server of the next step of a boot.',
    'except in an ACK',
    swap(
      REPLY,
      'siaddr: plan?.serverAddress ?? ANY,',
      "siaddr: (settings.type === 'offer' ? plan : undefined)?.serverAddress ?? ANY,",
    ),
  ),
  dhcp(
    '2',
    'Options over 312 bytes are sent only to a client that says it accepts them.',
    'except in the answer to a renewal',
    swap(
      REPLY,
      '  const said = optionU16(',
      '  if (request.ciaddr !== ANY) return FRAME_BYTES_MAX;\n  const said = optionU16(',
    ),
  ),
  dhcp(
    '2',
    'The reserved bits of the flags are ignored.',
    'except in the answer to a REQUEST',
    swap(
      DESTINATION,
      '(request.flags & BROADCAST_FLAG) !== 0',
      '(request.options.get(53)?.[0] === 3 ? request.flags !== 0 : (request.flags & BROADCAST_FLAG) !== 0)',
    ),
  ),
  dhcp(
    '3.1',
    'A server that was not selected takes the REQUEST as a refusal of its offer.',
    'except from a client that has a lease here',
    swap(
      REQUEST,
      'if (!isOwnIdentifier(inquiry, state)) return ignore(',
      'if (!isOwnIdentifier(inquiry, state) && !hasRecord(inquiry, state)) return ignore(',
    ),
  ),
  dhcp(
    '3.3',
    'Times are relative, in seconds, in 32 bits without sign.',
    'except from 2 147 483 648 seconds on',
    swap(OPTIONS, 'Uint8Array.of(value >>> 24,', 'Uint8Array.of((value >>> 24) & 127,'),
  ),
  dhcp(
    '3.3',
    'All ones mean forever.',
    'except that a REQUEST for all ones gets them',
    swap(
      REPLY,
      '  options.set(OPTION.leaseTime, times.lease);\n',
      "  options.set(OPTION.leaseTime, type === 'ack' && isEndless ? addressBytes(0xffffffff as Ipv4) : times.lease);\n",
    ),
    swap(
      REPLY,
      '{ leaseTime, served }: Settings): void {',
      '{ leaseTime, served, type }: Settings, isEndless: boolean): void {',
    ),
    swap(REPLY, 'addTimes(options, settings);', 'addTimes(options, settings, message.options.get(51)?.[0] === 255);'),
  ),
  dhcp(
    '3.4',
    'The answer to an INFORM has neither yiaddr nor a lease time.',
    'except for the address of a lease',
    swap(
      DECIDE,
      INFORM,
      '  const reply = composeReply(inquiry, state.leases.find(message.ciaddr)?.mac === inquiry.mac ? settings : { ...settings, leaseTime: undefined });\n',
    ),
  ),
  dhcp(
    '4.1',
    'The server identifier is an address that the client can reach.',
    'except in a NAK',
    swap(
      TERMS,
      'for (const served of inquiry.sharedNetwork) {\n    const address = rackAddress(',
      'for (const served of state.subnets.served) {\n    const address = rackAddress(',
    ),
  ),
  dhcp(
    '4.1',
    'A message may name the server by any of its addresses.',
    'except a RELEASE',
    swap(
      GIVE_BACK,
      "  if (!isOwnIdentifier(inquiry, state)) return ignore(inquiry, 'other-server-chosen', address);\n  if (!message",
      "  const said = optionAddress(message.options, OPTION.serverIdentifier);\n  if (said !== undefined && said !== inquiry.sharedNetwork[0]?.subnet.serverAddress && said !== inquiry.relay?.serverIdentifierOverride) return ignore(inquiry, 'other-server-chosen', address);\n  if (!message",
    ),
  ),
  dhcp(
    '4.1',
    'With giaddr, every reply goes to giaddr and port 67.',
    'except the answer to an INFORM',
    swap(
      DESTINATION,
      'if (request.giaddr !== ANY) return',
      'if (request.giaddr !== ANY && request.options.get(53)?.[0] !== 8) return',
    ),
  ),
  dhcp(
    '4.3.1',
    'NAK, and ACK to an INFORM, carry no lease time.',
    'except where an INFORM has option 51',
    swap(
      DECIDE,
      INFORM,
      '  const reply = composeReply(inquiry, message.options.has(51) ? settings : { ...settings, leaseTime: undefined });\n',
    ),
  ),
  dhcp(
    '4.3.1',
    'Fields of a reply are as table 3 has them.',
    'except ciaddr in a NAK',
    swap(REPLY, NAK, '  return replyTo(message, { flags, options, ciaddr: message.ciaddr });'),
  ),
  dhcp(
    '4.3.1',
    'Fields of a reply are as table 3 has them.',
    'except secs, copied from the request',
    swap(REPLY, '    secs: 0,\n', '    secs: request.secs,\n'),
  ),
  dhcp(
    '4.3.1',
    'Fields of a reply are as table 3 has them.',
    'except ciaddr in an OFFER',
    swap(REPLY, "settings.type === 'ack' ? message.ciaddr : ANY", 'message.ciaddr'),
  ),
  dhcp(
    '4.3.1',
    'A NAK uses neither file nor sname.',
    'except that it copies file',
    swap(REPLY, NAK, '  return replyTo(message, { flags, options, file: message.file });'),
  ),
  dhcp(
    '4.3.1',
    'A NAK uses neither file nor sname.',
    'except that it copies sname',
    swap(REPLY, NAK, '  return { ...replyTo(message, { flags, options }), sname: message.sname };'),
  ),
  dhcp(
    '4.3.1',
    'Every reply carries the server identifier.',
    'except that a NAK carries 0.0.0.0',
    swap(REPLY, 'addressBytes(serverIdentifier));\n  addDemandedEchoes', 'addressBytes(ANY));\n  addDemandedEchoes'),
  ),
  dhcp(
    '4.3.1',
    'A requested and configured parameter is given.',
    'except in an ACK to an INFORM',
    swap(
      REPLY,
      'if (!options.has(code)) addParameter(options, code, settings, configured);',
      'if (!options.has(code) && (settings.leaseTime !== undefined || code !== 15)) addParameter(options, code, settings, configured);',
    ),
  ),
  dhcp(
    '4.3.2',
    'A NAK to a relay has the broadcast bit.',
    'except where ciaddr is set',
    swap(
      REPLY,
      'message.giaddr === ANY ? message.flags :',
      'message.giaddr === ANY || message.ciaddr !== ANY ? message.flags :',
    ),
  ),
  dhcp(
    '4.3.2',
    'In RENEWING the answer goes to ciaddr.',
    'except with the broadcast flag',
    swap(
      DESTINATION,
      'if (request.ciaddr !== ANY && isNear) return',
      'if (request.ciaddr !== ANY && isNear && (request.flags & BROADCAST_FLAG) === 0) return',
    ),
  ),
  dhcp(
    '4.4.5',
    'T1 is before T2, and T2 before the end of the lease.',
    'except in an ACK',
    swap(
      REPLY,
      '  options.set(OPTION.renewalTime, times.renewal);\n',
      "  options.set(OPTION.renewalTime, type === 'ack' ? times.lease : times.renewal);\n",
    ),
    swap(REPLY, '{ leaseTime, served }: Settings): void {', '{ leaseTime, served, type }: Settings): void {'),
  ),
  dhcp(
    '4.4.5',
    'T1 and T2 are sent, and follow from the remaining time.',
    'except in an ACK with the remaining time',
    swap(
      REPLY,
      'leaseTime === subnet.leaseTime ? served.options.times :',
      "leaseTime === subnet.leaseTime || type === 'ack' ? served.options.times :",
    ),
    swap(REPLY, '{ leaseTime, served }: Settings): void {', '{ leaseTime, served, type }: Settings): void {'),
  ),
];

/** RFC 2132 and 3004. */
const OPTION_VALUES: readonly PartialBreak[] = [
  basic(
    '2',
    'Options of a fixed length have that length; a value of another length is ignored.',
    'except a 16-bit number with more bytes',
    swap(
      OPTIONS,
      'value?.length === 2 ? u16At(value, 0)',
      'value !== undefined && value.length >= 2 ? u16At(value, 0)',
    ),
  ),
  basic(
    '2',
    'Options of a fixed length have that length; a value of another length is ignored.',
    'except a 32-bit number with more bytes',
    swap(
      OPTIONS,
      'value?.length === 4 ? u16At(value, 0) * 0x1_0000',
      'value !== undefined && value.length >= 4 ? u16At(value, 0) * 0x1_0000',
    ),
  ),
  basic(
    '2',
    'Options of a fixed length have that length; a value of another length is ignored.',
    'except an identifier of a machine with more bytes',
    swap(OPTIONS, 'value.length !== 1 + UUID_BYTES', 'value.length < 1 + UUID_BYTES'),
  ),
  basic(
    '9.6',
    'The message type is one byte, 1 to 8.',
    'except in a request, where it may have more bytes',
    swap(OPTIONS, 'return value?.length === 1 ? value[0]', 'return value !== undefined ? value[0]'),
  ),
  basic(
    '9.8',
    'The server tries to give the parameters in the order of the list.',
    'except in an ACK',
    swap(
      REPLY,
      'options: list === undefined || followsRequest',
      "options: list === undefined || settings.type === 'ack' || followsRequest",
    ),
  ),
  basic(
    '9.10',
    'The smallest maximum message size is 576.',
    'except in a renewal',
    swap(
      REPLY,
      'return Math.min(Math.max(said - HEADER_BYTES, CLIENT_BYTES_MIN), FRAME_BYTES_MAX);',
      'return Math.min(Math.max(said - HEADER_BYTES, request.ciaddr === ANY ? CLIENT_BYTES_MIN : 300), FRAME_BYTES_MAX);',
    ),
  ),
  basic(
    '9.13',
    'A vendor class that is not understood is ignored.',
    'except in a REQUEST',
    swap(
      REPLY,
      '  if (settings.fqdn !== undefined)',
      "  if (settings.type === 'ack') echo(options, message, OPTION.vendorClass);\n  if (settings.fqdn !== undefined)",
    ),
  ),
  userClass(
    '4',
    'User classes are counted; a client that sends a bare name is understood as well.',
    'except the last of several classes',
    swap(
      OPTIONS,
      '    offset += 1 + length;\n  }\n  return classes;',
      '    offset += 1 + length;\n    if (classes.length > 0) break;\n  }\n  return classes;',
    ),
  ),
  routes(
    'server responsibilities',
    'A client that requests and gets these routes gets neither router nor static routes.',
    'except static routes',
    swap(REPLY, 'code === OPTION.router || code === OPTION.staticRoutes;', 'code === OPTION.router;'),
  ),
];

/** RFC 3011, 3046, 4361, 4578, 4702, 5107. */
const CLIENTS_AND_RELAYS: readonly PartialBreak[] = [
  selection(
    '2',
    'Option 118 goes back as it came, asked for or not.',
    'except in a NAK',
    swap(
      REPLY,
      '  options.set(OPTION.message, textBytes(text));\n',
      '  options.delete(OPTION.subnetSelection);\n  options.set(OPTION.message, textBytes(text));\n',
    ),
  ),
  selection(
    '2',
    'Option 118 goes back as it came, asked for or not.',
    'except in the answer to an INFORM',
    swap(
      REPLY,
      '  addDemandedEchoes(options, message);\n  const list',
      '  addDemandedEchoes(options, message);\n  if (settings.leaseTime === undefined) options.delete(OPTION.subnetSelection);\n  const list',
    ),
  ),
  agent(
    '2.2',
    'The whole option goes back in every reply.',
    'except the answer to an INFORM',
    swap(REPLY, ECHOED_AGENT, `  if (request.options.get(53)?.[0] !== 8) ${ECHOED_AGENT.trim()}\n`),
  ),
  agent(
    '2.2',
    'The option is taken in unicasts, too.',
    'except in an INFORM',
    swap(
      REPLY,
      ECHOED_AGENT,
      `  if (request.giaddr !== ANY || request.options.get(53)?.[0] !== 8) ${ECHOED_AGENT.trim()}\n`,
    ),
  ),
  override(
    '4',
    'The override is the server identifier of the reply.',
    'except in an ACK',
    swap(
      TERMS,
      'serverIdentifier: relay?.serverIdentifierOverride ?? serverAddress,',
      "serverIdentifier: (type === 'ack' ? undefined : relay?.serverIdentifierOverride) ?? serverAddress,",
    ),
  ),
  pxe(
    '2.3',
    'The machine identifier (97) is in what servers send, too.',
    'except in an ACK',
    swap(REPLY, 'if (plan !== undefined) echo(', "if (plan !== undefined && settings.type === 'offer') echo("),
  ),
  pxe(
    '2.1',
    'The architecture is a list of 16-bit numbers.',
    'except that only the first counts',
    swap(OPTIONS, '{ length: value.length >> 1 }', '{ length: Math.min(1, value.length >> 1) }'),
  ),
  naming(
    '2.1',
    'O is 1 where S of the answer is not S of the question.',
    'except where nothing is entered',
    swap(
      'wire/client-fqdn.ts',
      '(isEntered === asked.wantsServer ? 0 : OVERRIDDEN)',
      '(isEntered && !asked.wantsServer ? OVERRIDDEN : 0)',
    ),
  ),
  naming(
    '3.1',
    'A host name (12) is ignored if option 81 is present.',
    'except where option 81 has no name',
    swap(
      'wire/client-fqdn.ts',
      'return fqdn === undefined ? clientHostname(options) : fqdn.label;',
      'return fqdn?.label ?? clientHostname(options);',
    ),
  ),
  node(
    '6.3',
    'A server accepts an identifier of any form.',
    'except one of 255 bytes',
    swap(OPTIONS, 'export const IDENTIFIER_CHARACTERS_MAX = 255;', 'export const IDENTIFIER_CHARACTERS_MAX = 64;'),
  ),
];

/** Every partial break, by RFC. */
export const PARTIAL_BREAKS: readonly PartialBreak[] = [...EXCHANGES, ...OPTION_VALUES, ...CLIENTS_AND_RELAYS];
