// The demands of the RFCs of options that this server reads and writes: 2132, 3004, 3396, 3397, 3442, 3925, 4361, 4578, 4702, 6842.
// RFC 3442 numbers no sections; they are called by their titles.

import { type Must, rowsOf, SHOWN } from './must-rows.ts';

const basic = rowsOf(2132);
const userClass = rowsOf(3004);
const long = rowsOf(3396);
const search = rowsOf(3397);
const routes = rowsOf(3442);
const vendors = rowsOf(3925);
const node = rowsOf(4361);
const pxe = rowsOf(4578);
const naming = rowsOf(4702);
const echo = rowsOf(6842);
const bootp = rowsOf(1542);

/** In the order of the RFCs and sections. */
export const OPTION_MUSTS: readonly Must[] = [
  bootp.met('3.4', 'MUST', 'A message without a message type is BOOTP, not DHCP.', SHOWN.bootp),
  basic.met('2', 'MUST', 'An option is code, length, value; only PAD and END have no length.', SHOWN.padded),
  basic.met(
    '2',
    'MUST',
    'Options of a fixed length have that length; a value of another length is ignored.',
    SHOWN.lengths,
    SHOWN.wrongLength,
  ),
  basic.met('2', 'SHOULD', 'Text does not end in a zero byte when sent, and may when received.', {
    file: 'test/dhcp/wire/options.test.ts',
    name: 'text loses the zero bytes at its end',
  }),
  basic.met('3.1', 'MUST', 'PAD is one byte and may stand anywhere.', SHOWN.padded),
  basic.met('3.2', 'MUST', 'END marks the end of valid options; what follows is PAD.', SHOWN.ends),
  basic.met('3.3', 'MUST', 'The mask comes before the router where both are given.', SHOWN.maskFirst),
  basic.met('3.5', 'MUST', 'Lists of addresses have 4 bytes at least and whole addresses.', SHOWN.lengths),
  basic.met('3.14', 'MUST', 'A host name has a character at least, and follows the rules of names.', {
    file: 'test/dhcp/wire/options.test.ts',
    name: 'a client’s name is kept only if it is a valid host name',
  }),
  basic.met('4.3', 'MUST', 'A policy filter is whole pairs of addresses, one at least.', SHOWN.legalShapes),
  basic.met('4.4', 'MUST', 'The largest datagram to reassemble is 576 at least.', SHOWN.legalValues),
  basic.met('4.5', 'MUST', 'The default IP time to live is 1 to 255.', SHOWN.legalValues),
  basic.met('4.7', 'MUST', 'MTU plateaus are 68 at least, from the smallest to the largest.', SHOWN.legalValues),
  basic.met('5.1', 'MUST', 'The MTU is 68 at least.', SHOWN.legalValues),
  basic.met('5.8', 'MUST', 'No static route goes to 0.0.0.0.', SHOWN.legalValues),
  basic.met('7.1', 'MUST', 'The default TCP time to live is 1 at least.', SHOWN.legalValues),
  basic.met('8.7', 'MUST', 'A NetBIOS node type is 1, 2, 4 or 8.', SHOWN.legalValues),
  basic.met('8.4', 'MUST', 'Vendor options (43) that are not understood are ignored.', SHOWN.vendorIgnored),
  basic.met('9.1', 'MUST', 'The wanted address is four bytes.', SHOWN.wrongLength),
  basic.met('9.2', 'MUST', 'The lease time is four bytes, in seconds.', SHOWN.t1t2),
  basic.met(
    '9.3',
    'MUST',
    'Option 52 says which of file and sname hold options.',
    SHOWN.overloadWritten,
    SHOWN.overloadRead,
  ),
  basic.met('9.4', 'MUST', 'Server name and file (66, 67) may stand for the fields.', SHOWN.bootNames),
  basic.met(
    '9.3',
    'MUST',
    'A field that holds options is not a name; its name is in option 66 or 67.',
    SHOWN.fileGivesWay,
  ),
  basic.met('9.6', 'MUST', 'The message type is one byte, 1 to 8.', SHOWN.kinds, SHOWN.notForUs),
  basic.met('9.7', 'MUST', 'The server identifier is in OFFER, and in ACK and NAK.', SHOWN.forbidden),
  basic.met('9.8', 'MUST', 'The server tries to give the parameters in the order of the list.', SHOWN.listOrder),
  basic.met('9.9', 'SHOULD', 'A NAK says in words what is wrong.', SHOWN.forbidden),
  basic.met('9.10', 'MUST', 'The smallest maximum message size is 576.', SHOWN.sizeFloor),
  basic.met('9.11', 'MUST', 'T1 and T2 are four bytes, in seconds.', SHOWN.lengths, SHOWN.t1t2),
  basic.met('9.13', 'MUST', 'A vendor class that is not understood is ignored.', SHOWN.vendorIgnored),
  basic.met(
    '9.13',
    'SHOULD',
    'Only a server that knows the class sends class-specific information.',
    SHOWN.vendorClassOut,
  ),
  basic.met('9.14', 'SHOULD', 'It is bytes without meaning to a server.', SHOWN.opaqueId),
  userClass.met(
    '4',
    'MUST',
    'User classes are counted; a client that sends a bare name is understood as well.',
    SHOWN.userClass,
  ),
  basic.met('9.4', 'MUST', 'If a field carries options, option 66 or 67 carries its text.', SHOWN.fieldsKept),
  long.met('5', 'MUST', 'Pieces are joined in the order option field, file, sname.', SHOWN.overloadRead, SHOWN.joined),
  long.met('6', 'MUST', 'A value over 255 bytes is split; each piece but the last is full.', SHOWN.split),
  long.met('6', 'MUST NOT', 'No piece crosses the end of its field.', SHOWN.goesOn),
  long.met('7', 'MUST', 'Pieces of one option are one value, even where other options lie between them.', SHOWN.joined),
  long.met('8', 'MUST', 'A joined value of a wrong length is ignored, and does no harm.', SHOWN.wrongLength),
  long.met('7', 'MUST', 'The pieces of a value lie in the fields in reading order.', SHOWN.goesOn),
  long.met('4', 'MUST', 'A value without room in one place is split by these rules, or not sent at all.', SHOWN.goesOn),
  search.met('2', 'MUST', 'A search list is names of labels that follow each other.', SHOWN.values),
  search.met('2', 'MUST', 'The end of a name that was there before is a pointer to it.', SHOWN.pointers),
  search.met('2', 'MUST', 'A list over 255 bytes is divided as RFC 3396 says.', SHOWN.split, SHOWN.goesOn),
  routes.met(
    'option format',
    'MUST',
    'A destination is its prefix length, as many bytes as that needs, then its router.',
    SHOWN.values,
  ),
  routes.met('option format', 'MUST', 'Routes over 255 bytes are divided as RFC 3396 says.', SHOWN.split, SHOWN.goesOn),
  routes.met(
    'server responsibilities',
    'SHOULD NOT',
    'A client that requests and gets these routes gets neither router nor static routes.',
    SHOWN.routesInstead,
  ),
  routes.met(
    'server responsibilities',
    'SHOULD',
    'They include the default route, for clients that read nothing else.',
    SHOWN.defaultRoute,
  ),
  vendors.met('4', 'MUST', 'Each enterprise is its number, a length and its options.', SHOWN.values),
  long.met('7', 'MUST NOT', 'Only an option that needs splitting is split.', SHOWN.neverDivided),
  node.met('6.3', 'MUST', 'A server accepts an identifier of any form.', SHOWN.opaqueId),
  node.met(
    '6.4',
    'MUST NOT',
    'chaddr does not identify a client that sends an identifier (met in networks with `identity: client-id`).',
    SHOWN.byIdentifier,
    SHOWN.roams,
    SHOWN.onlyByIdentifier,
  ),
  pxe.met('2.1', 'MUST', 'The architecture is a list of 16-bit numbers.', SHOWN.architectures),
  pxe.departs(
    '2.1',
    'MUST',
    'Servers put architecture (93) and interface (94) into their messages.',
    'They describe the client, which knows them. No firmware is known to read them, and other servers do not send them.',
    SHOWN.notEchoed,
  ),
  pxe.met('2.3', 'MUST', 'The machine identifier (97) is in what servers send, too.', SHOWN.uuid),
  pxe.departs(
    '2.4',
    'MUST',
    'The class PXEClient is in the offer.',
    'EDK2 reads such an offer as a request for boot server discovery on port 4011, and waits. All firmware seen so far boots without it.',
    SHOWN.vendorClassOut,
  ),
  naming.met('2.1', 'MUST', 'S is 0 where N is 1, and the four first bits of the flags are 0.', SHOWN.nameFlags),
  naming.met('2.1', 'MUST', 'O is 1 where S of the answer is not S of the question.', SHOWN.nameFlags),
  naming.met('2.1', 'MUST', 'The answer has the encoding of the question: labels, or ASCII.', SHOWN.nameAnswered),
  naming.met('2.2', 'SHOULD', 'A server writes 255 into both RCODEs.', SHOWN.nameEncoded),
  naming.met('2.2', 'MUST', 'A server reads neither RCODE.', SHOWN.namesRcodes),
  naming.met('3.1', 'SHOULD', 'A host name (12) is ignored if option 81 is present.', SHOWN.nameKept),
  naming.met('4', 'MUST NOT', 'A server sends the option only to a client that sent it.', SHOWN.nameAnswered),
  naming.met('4', 'SHOULD', 'The name in the answer is complete, with its domain.', SHOWN.nameAnswered),
  naming.met('4', 'MUST', 'N is 1 where the server enters nothing in the DNS.', SHOWN.nameFlags),
  echo.met('3', 'MUST', 'The client identifier of a request is in OFFER, ACK and NAK, unchanged.', SHOWN.idEchoed),
  echo.met('3', 'MUST NOT', 'A reply to a client without an identifier has none.', SHOWN.idEchoed),
];
