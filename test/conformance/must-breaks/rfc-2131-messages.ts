// RFC 2131 §4.1 and §4.2: how each demand is broken.

import { type BrokenMust, brokenIn, swap } from './row.ts';

const broken = brokenIn(2131);

const DESTINATION = 'wire/destination.ts';
const LAYOUT = 'wire/option-layout.ts';
const MESSAGE = 'wire/message.ts';
const LIST = 'wire/message-options.ts';
const KEEPS_PLACE = '    if (index !== -1) {\n      this.values[index] = value;\n      return;\n    }\n';

/** In the order of the rows. */
export const MESSAGES: readonly BrokenMust[] = [
  broken('4.1', 'The last option is END.', swap(MESSAGE, '  writer.u8(END);\n', '')),
  broken(
    '4.1',
    'The server answers clients at port 68, and receives at port 67.',
    swap(
      DESTINATION,
      'mac: macFromBytes(request.chaddr), port: ports.clientPort',
      'mac: macFromBytes(request.chaddr), port: ports.serverPort',
    ),
  ),
  broken(
    '4.1',
    'A message may name the server by any of its addresses.',
    swap(
      'answers/terms.ts',
      'return state.subnets.ownAddresses.has(said) || (said !== ANY && said === inquiry.arrival.localAddress);',
      'return inquiry.sharedNetwork.some((served) => said === rackAddress(inquiry, served, state.subnets));',
    ),
  ),
  broken(
    '4.1',
    'The server identifier is an address that the client can reach.',
    swap(
      'answers/inquiry.ts',
      '  if (served.subnet.serverAddress !== undefined) return served.subnet.serverAddress;\n',
      '  const [first] = subnets.ownAddresses;\n  if (first !== undefined) return first;\n',
    ),
  ),
  broken(
    '4.1',
    'With giaddr, every reply goes to giaddr and port 67.',
    swap(
      DESTINATION,
      'address: request.giaddr, port: ports.serverPort',
      'address: request.giaddr, port: ports.clientPort',
    ),
    swap(
      DESTINATION,
      'if (request.giaddr !== ANY) return',
      'if (request.giaddr !== ANY && (request.flags & BROADCAST_FLAG) === 0) return',
    ),
  ),
  broken(
    '4.1',
    'Without giaddr and with ciaddr, OFFER and ACK go to ciaddr.',
    swap(DESTINATION, 'network === undefined || networkContains(network, request.ciaddr)', 'true'),
  ),
  broken(
    '4.1',
    'Without both, and with the broadcast flag, OFFER and ACK are broadcast.',
    swap(DESTINATION, 'if ((request.flags & BROADCAST_FLAG) !== 0 || yiaddr === ANY)', 'if (yiaddr === ANY)'),
  ),
  broken(
    '4.1',
    'Without all three they go to chaddr and yiaddr.',
    swap(
      DESTINATION,
      "return { kind: 'hardware', address: yiaddr, mac: macFromBytes(request.chaddr), port: ports.clientPort };",
      "return { kind: 'unicast', address: yiaddr, port: ports.clientPort };",
    ),
  ),
  broken(
    '4.1',
    'Without giaddr, each NAK is broadcast.',
    swap(DESTINATION, "if (kind === 'nak') return", "if (kind === 'nak' && request.ciaddr === ANY) return"),
  ),
  broken(
    '4.1',
    'Options in sname and file are announced by option 52 of value 1, 2 or 3.',
    swap(LAYOUT, '  if (used !== 0) put(layout.main, OVERLOAD, Uint8Array.of(used));\n', ''),
  ),
  broken(
    '4.1',
    'With option 52, the option field ends with END and may be padded.',
    swap(MESSAGE, '  writer.u8(END);\n', '  if (!share.entries.has(OVERLOAD)) writer.u8(END);\n'),
  ),
  broken(
    '4.1',
    'Options in sname and file begin with the first byte, end with END, and PAD fills the rest.',
    swap(
      MESSAGE,
      '  padTo(writer, end);\n',
      '  while (options.entries.size > 0 && writer.offset < end) writer.u8(END);\n  padTo(writer, end);\n',
    ),
  ),
  broken(
    '4.1',
    'Each option lies whole in its field.',
    swap(LAYOUT, 'share.size + size <= bytes', 'share.size + (share === main ? size : 0) <= bytes'),
  ),
  broken(
    '4.1',
    'The option field is read first, so that option 52 is known.',
    swap(
      MESSAGE,
      "  if (hasOptions) readOptions(reader, bytes, bytes.length, 'options', options);\n  const overload = readOverload(reader, options);\n",
      "  const overload = readOverload(reader, options);\n  if (hasOptions) readOptions(reader, bytes, bytes.length, 'options', options);\n",
    ),
  ),
  broken(
    '4.1',
    'Then file is read, where it has options, then sname.',
    swap(
      MESSAGE,
      "  if (fileHasOptions) readField(reader, bytes, FILE_OFFSET, FILE_BYTES, 'file', options);\n" +
        "  if (snameHasOptions) readField(reader, bytes, SNAME_OFFSET, SNAME_BYTES, 'sname', options);\n",
      "  if (snameHasOptions) readField(reader, bytes, SNAME_OFFSET, SNAME_BYTES, 'sname', options);\n" +
        "  if (fileHasOptions) readField(reader, bytes, FILE_OFFSET, FILE_BYTES, 'file', options);\n",
    ),
  ),
  broken('4.1', 'An option comes once, unless its document says otherwise.', swap(LIST, KEEPS_PLACE, '')),
  broken(
    '4.2',
    'A client that names an identifier is known by it.',
    swap('networks/client-identity.ts', "rule === 'client-id' && clientId !== undefined ?", 'clientId !== undefined ?'),
  ),
  broken(
    '4.2',
    'A client that names an identifier is known by it, whatever its chaddr.',
    swap('answers/inquiry.ts', 'return isHostMac(mac) ? mac : undefined;', 'return mac;'),
  ),
  broken(
    '4.2',
    'A client that names no identifier is known by chaddr.',
    swap(
      'networks/client-identity.ts',
      "rule === 'client-id' && clientId !== undefined ? clientId : mac;",
      "rule === 'client-id' && clientId !== undefined ? clientId : clientId === undefined ? '' : mac;",
    ),
  ),
];
