// The RFCs of options: how each demand is broken. In the order of the rows.

import { CLIENT_OPTION_BREAKS } from './client-options.ts';
import { type BrokenMust, brokenIn, swap } from './row.ts';

const basic = brokenIn(2132);
const bootp = brokenIn(1542);
const userClass = brokenIn(3004);
const long = brokenIn(3396);
const search = brokenIn(3397);
const routes = brokenIn(3442);
const vendors = brokenIn(3925);

const LAYOUT = 'wire/option-layout.ts';
const MESSAGE = 'wire/message.ts';
const OPTIONS = 'wire/options.ts';
const REPLY = 'answers/reply.ts';
const TABLE = 'wire/option-table.ts';
const VALUES = 'wire/option-value.ts';

const ECHOES = '  addDemandedEchoes(options, message);\n  const list =';
const PIECE =
  'const piece = value.length <= PIECE_BYTES_MAX ? value : value.subarray(offset, offset + PIECE_BYTES_MAX);';
/** RFC 3397 and RFC 3442 both send the reader to RFC 3396 for values over 255 bytes, and all options are written by the same lines. */
const UNDIVIDED = [
  swap(MESSAGE, PIECE, 'const piece = value.subarray(0, PIECE_BYTES_MAX);\n      offset = value.length;'),
];

/** RFC 1542 and 2132. */
const BASIC: readonly BrokenMust[] = [
  bootp(
    '3.4',
    'A message without a message type is BOOTP, not DHCP.',
    swap(
      'answers/inquiry.ts',
      "  if (!message.options.has(OPTION.messageType)) return { kind: 'refused', reason: 'bootp-unsupported', mac };\n",
      '',
    ),
  ),
  basic(
    '2',
    'An option is code, length, value; only PAD and END have no length.',
    swap(MESSAGE, '    if (code === PAD) continue;\n', ''),
  ),
  basic(
    '2',
    'Options of a fixed length have that length; a value of another length is ignored.',
    swap('networks/network-options.ts', 'lease: u32Bytes(leaseTime)', 'lease: u32Bytes(leaseTime).subarray(2)'),
    swap(OPTIONS, 'return value?.length === 4 ? ipv4(', 'return value !== undefined ? ipv4('),
  ),
  basic(
    '3.1',
    'PAD is one byte and may stand anywhere.',
    swap(MESSAGE, 'if (code === PAD) continue;', 'if (code === PAD) return;'),
  ),
  basic(
    '3.2',
    'END marks the end of valid options; what follows is PAD.',
    swap(MESSAGE, '  padTo(writer, REPLY_BYTES_MIN);\n', '  while (writer.offset < REPLY_BYTES_MIN) writer.u8(END);\n'),
  ),
  basic(
    '3.3',
    'The mask comes before the router where both are given.',
    swap('wire/option-order.ts', '    if (code === OPTION.router) take(asked, options, OPTION.subnetMask);\n', ''),
  ),
  basic(
    '3.5',
    'Lists of addresses have 4 bytes at least and whole addresses.',
    swap(OPTIONS, 'new Uint8Array(addresses.length * 4)', 'new Uint8Array(addresses.length * 4 + 1)'),
  ),
  basic(
    '3.14',
    'A host name has a character at least, and follows the rules of names.',
    swap(OPTIONS, 'return /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label) ? label : undefined;', 'return label;'),
  ),
  basic(
    '4.3',
    'A policy filter is whole pairs of addresses, one at least.',
    swap('wire/legal-values.ts', "'ip-pairs': 8,", "'ip-pairs': 4,"),
  ),
  basic(
    '4.4',
    'The largest datagram to reassemble is 576 at least.',
    swap(TABLE, 'REASSEMBLY_MIN = 576', 'REASSEMBLY_MIN = 0'),
  ),
  basic(
    '4.5',
    'The default IP time to live is 1 to 255.',
    swap(TABLE, "'RFC 2132 §4.5', { legal: from(1, U8_MAX) }", "'RFC 2132 §4.5', { legal: from(0, U8_MAX) }"),
  ),
  basic(
    '4.7',
    'MTU plateaus are 68 at least, from the smallest to the largest.',
    swap('wire/legal-values.ts', 'value >= Math.max(low, before ?? 0)', 'value >= low'),
  ),
  basic(
    '5.1',
    'The MTU is 68 at least.',
    swap(TABLE, "'RFC 2132 §5.1', { legal: from(MTU_MIN, U16_MAX) }", "'RFC 2132 §5.1', { legal: from(0, U16_MAX) }"),
  ),
  basic(
    '5.8',
    'No static route goes to 0.0.0.0.',
    swap(
      'wire/legal-values.ts',
      'if (numberAt(bytes, offset, 4) === 0)',
      'if (offset > 0 && numberAt(bytes, offset, 4) === 0)',
    ),
  ),
  basic(
    '7.1',
    'The default TCP time to live is 1 at least.',
    swap(TABLE, "'RFC 2132 §7.1', { legal: from(1, U8_MAX) }", "'RFC 2132 §7.1', { legal: from(0, U8_MAX) }"),
  ),
  basic('8.7', 'A NetBIOS node type is 1, 2, 4 or 8.', swap(TABLE, 'legal: oneOf(1, 2, 4, 8)', 'legal: from(1, 8)')),
  basic(
    '8.4',
    'Vendor options (43) that are not understood are ignored.',
    swap(REPLY, ECHOES, `  echo(options, message, OPTION.vendorSpecific);\n${ECHOES}`),
  ),
  basic(
    '9.1',
    'The wanted address is four bytes.',
    swap(OPTIONS, 'return value?.length === 4 ? ipv4(', 'return value !== undefined && value.length > 3 ? ipv4('),
  ),
  basic(
    '9.2',
    'The lease time is four bytes, in seconds.',
    swap('networks/network-options.ts', 'lease: u32Bytes(leaseTime)', 'lease: u32Bytes(leaseTime * 1000)'),
  ),
  basic(
    '9.3',
    'Option 52 says which of file and sname hold options.',
    swap(MESSAGE, 'const fileHasOptions = (overload & 1) !== 0;', 'const fileHasOptions = (overload & 2) !== 0;'),
    swap(MESSAGE, 'const snameHasOptions = (overload & 2) !== 0;', 'const snameHasOptions = (overload & 1) !== 0;'),
    swap(
      LAYOUT,
      '(layout.file.entries.size > 0 ? 1 : 0) | (layout.sname.entries.size > 0 ? 2 : 0)',
      '(layout.file.entries.size > 0 ? 2 : 0) | (layout.sname.entries.size > 0 ? 1 : 0)',
    ),
  ),
  basic(
    '9.4',
    'Server name and file (66, 67) may stand for the fields.',
    swap(REPLY, '  options.set(OPTION.tftpServerName, textBytes(formatIpv4(plan.serverAddress)));\n', ''),
  ),
  basic(
    '9.3',
    'A field that holds options is not a name; its name is in option 66 or 67.',
    swap(
      MESSAGE,
      "file: fileHasOptions ? '' : textOf(bytes, FILE_OFFSET, FILE_BYTES),",
      'file: textOf(bytes, FILE_OFFSET, FILE_BYTES),',
    ),
  ),
  basic(
    '9.6',
    'The message type is one byte, 1 to 8.',
    swap(
      'answers/inquiry.ts',
      'const type = optionU8(message.options, OPTION.messageType);',
      'const type = (optionU8(message.options, OPTION.messageType) ?? 0) & 7;',
    ),
    swap(REPLY, 'offer: u8Bytes(MESSAGE_TYPE.offer)', 'offer: Uint8Array.of(MESSAGE_TYPE.offer, 0)'),
  ),
  basic(
    '9.7',
    'The server identifier is in OFFER, and in ACK and NAK.',
    swap(REPLY, '  options.set(OPTION.serverIdentifier, identifierBytes(settings));\n', ''),
  ),
  basic(
    '9.8',
    'The server tries to give the parameters in the order of the list.',
    swap(
      REPLY,
      'options: list === undefined || followsRequest(list, settings) ? options : inAskedOrder(options, list),',
      'options,',
    ),
  ),
  basic(
    '9.10',
    'The smallest maximum message size is 576.',
    swap(
      REPLY,
      'Math.max(said - HEADER_BYTES, CLIENT_BYTES_MIN)',
      '(said === 0 ? CLIENT_BYTES_MIN : said - HEADER_BYTES)',
    ),
  ),
  basic(
    '9.11',
    'T1 and T2 are four bytes, in seconds.',
    swap('networks/network-options.ts', 'renewal: u32Bytes(renewal)', 'renewal: u32Bytes(renewal * 1000).subarray(1)'),
  ),
  basic(
    '9.13',
    'A vendor class that is not understood is ignored.',
    swap(REPLY, ECHOES, `  echo(options, message, OPTION.vendorClass);\n${ECHOES}`),
  ),
  basic(
    '9.4',
    'If a field carries options, option 66 or 67 carries its text.',
    swap(
      LAYOUT,
      "return option !== undefined && Buffer.from(option).toString('latin1').replace(/\\0+$/, '') === text;",
      'return true;',
    ),
  ),
];

/** RFC 3004, 3396, 3397, 3442, 3925. */
const LONG: readonly BrokenMust[] = [
  userClass(
    '4',
    'User classes are counted; a client that sends a bare name is understood as well.',
    swap(
      OPTIONS,
      'if (length === 0 || offset + 1 + length > value.length) return [latin1(value)];',
      'if (length === 0) return classes;',
    ),
  ),
  long(
    '5',
    'Pieces are joined in the order option field, file, sname.',
    swap(
      MESSAGE,
      'before === undefined ? value : joined(before, value)',
      'before === undefined ? value : joined(value, before)',
    ),
  ),
  long(
    '6',
    'A value over 255 bytes is split; each piece but the last is full.',
    swap(MESSAGE, PIECE, PIECE.replace('offset + PIECE_BYTES_MAX)', 'offset + 128)')),
    swap(MESSAGE, '      offset += PIECE_BYTES_MAX;', '      offset += 128;'),
  ),
  long(
    '6',
    'No piece crosses the end of its field.',
    swap(LAYOUT, 'valueBytesIn(space - share.size)', 'space - share.size'),
  ),
  long(
    '7',
    'Pieces of one option are one value, even where other options lie between them.',
    swap(
      MESSAGE,
      'options.set(code, before === undefined ? value : joined(before, value));',
      'options.set(code, value);',
    ),
  ),
  long(
    '8',
    'A joined value of a wrong length is ignored, and does no harm.',
    swap(
      MESSAGE,
      'before === undefined ? value : joined(before, value)',
      'before === undefined ? value : joined(before, value).subarray(0, 4)',
    ),
  ),
  long(
    '7',
    'The pieces of a value lie in the fields in reading order.',
    swap(
      LAYOUT,
      '    { share: file, space: space.file },\n    { share: sname, space: space.sname },\n',
      '    { share: sname, space: space.sname },\n    { share: file, space: space.file },\n',
    ),
  ),
  long(
    '4',
    'A value without room in one place is split by these rules, or not sent at all.',
    swap(LAYOUT, '  if (shares.reduce((sum, bytes) => sum + bytes, 0) < value.length) return false;\n', ''),
  ),
  search(
    '2',
    'A search list is names of labels that follow each other.',
    swap(OPTIONS, 'Uint8Array.from([...parts.flat(), 0])', 'Uint8Array.from(parts.flat())'),
  ),
  search(
    '2',
    'The end of a name that was there before is a pointer to it.',
    swap(VALUES, 'const before = seen.get(rest);', 'const before = offset === 0 ? seen.get(rest) : undefined;'),
  ),
  search('2', 'A list over 255 bytes is divided as RFC 3396 says.', ...UNDIVIDED),
  routes(
    'option format',
    'A destination is its prefix length, as many bytes as that needs, then its router.',
    swap(VALUES, '.subarray(0, Math.ceil(network.prefix / 8))', ''),
  ),
  routes('option format', 'Routes over 255 bytes are divided as RFC 3396 says.', ...UNDIVIDED),
  vendors(
    '4',
    'Each enterprise is its number, a length and its options.',
    swap(VALUES, '[enterprise.bytes, Uint8Array.of(length), options.bytes]', '[enterprise.bytes, options.bytes]'),
  ),
  long(
    '7',
    'Only an option that needs splitting is split.',
    swap(LAYOUT, 'value.length <= PIECE_BYTES_MAX || !spread(', '!spread('),
  ),
];

export const OPTION_BREAKS: readonly BrokenMust[] = [...BASIC, ...LONG, ...CLIENT_OPTION_BREAKS];
