// The RFCs of options by which clients are known (4361, 4578, 4702, 6842): how each demand is broken.

import { type BrokenMust, brokenIn, swap } from './row.ts';

const node = brokenIn(4361);
const pxe = brokenIn(4578);
const naming = brokenIn(4702);
const echo = brokenIn(6842);
const FQDN = 'wire/client-fqdn.ts';
const IDENTIFIER = '  const clientId = optionIdentifier(message.options, OPTION.clientIdentifier);\n';
const ECHOED_IDENTIFIER = '  echo(options, request, OPTION.clientIdentifier);\n';
const OPTIONS = 'wire/options.ts';
const REPLY = 'answers/reply.ts';

/** In the order of the rows. */
export const CLIENT_OPTION_BREAKS: readonly BrokenMust[] = [
  node(
    '6.3',
    'A server accepts an identifier of any form.',
    swap(
      'answers/inquiry.ts',
      IDENTIFIER,
      `${IDENTIFIER}  if (clientId !== undefined && !clientId.startsWith('\\xff'))\n    return { kind: 'refused', reason: 'hardware-unsupported', mac };\n`,
    ),
  ),
  node(
    '6.4',
    'chaddr does not identify a client that sends an identifier (met in networks with `identity: client-id`).',
    swap('networks/client-identity.ts', "rule === 'client-id' && clientId !== undefined ? clientId : mac;", 'mac;'),
  ),
  pxe(
    '2.1',
    'The architecture is a list of 16-bit numbers.',
    swap(OPTIONS, 'u16At(value, index * 2))', 'value[index * 2] ?? 0)'),
  ),
  pxe(
    '2.1',
    'Servers put architecture (93) and interface (94) into their messages.',
    swap(
      REPLY,
      'echo(options, message, OPTION.clientUuid);',
      '[OPTION.clientUuid, OPTION.clientArchitecture].forEach((code) => echo(options, message, code));',
    ),
  ),
  pxe(
    '2.3',
    'The machine identifier (97) is in what servers send, too.',
    swap(REPLY, '  if (plan !== undefined) echo(options, message, OPTION.clientUuid);\n', ''),
  ),
  pxe(
    '2.4',
    'The class PXEClient is in the offer.',
    swap(
      REPLY,
      'if (plan.vendorClass !== undefined) options.set(OPTION.vendorClass, textBytes(plan.vendorClass));',
      "options.set(OPTION.vendorClass, textBytes(plan.vendorClass ?? 'PXEClient'));",
    ),
  ),
  naming(
    '2.1',
    'S is 0 where N is 1, and the four first bits of the flags are 0.',
    swap(
      FQDN,
      '(isEntered ? SERVER_UPDATES : NO_UPDATES)',
      '(isEntered ? SERVER_UPDATES : SERVER_UPDATES | NO_UPDATES)',
    ),
  ),
  naming(
    '2.1',
    'O is 1 where S of the answer is not S of the question.',
    swap(FQDN, '    (isEntered === asked.wantsServer ? 0 : OVERRIDDEN) |\n', ''),
  ),
  naming(
    '2.1',
    'The answer has the encoding of the question: labels, or ASCII.',
    swap(
      FQDN,
      'const name = asked.inLabels ? domainNameBytes(full) : textBytes(full);',
      'const name = textBytes(full);',
    ),
  ),
  naming(
    '2.2',
    'A server reads neither RCODE.',
    swap(
      FQDN,
      'value.length < HEADER_BYTES) return undefined;',
      'value.length < HEADER_BYTES || value[1] !== 0) return undefined;',
    ),
  ),
  naming(
    '4',
    'A server sends the option only to a client that sent it.',
    swap(
      'answers/client-name.ts',
      'const asked = clientFqdn(inquiry.message.options);',
      'const asked = clientFqdn(new Map([[81, Uint8Array.of(1, 0, 0)], ...inquiry.message.options]));',
    ),
  ),
  naming(
    '4',
    'N is 1 where the server enters nothing in the DNS.',
    swap(FQDN, '(isEntered ? SERVER_UPDATES : NO_UPDATES)', '(isEntered ? SERVER_UPDATES : 0)'),
  ),
  echo(
    '3',
    'The client identifier of a request is in OFFER, ACK and NAK, unchanged.',
    swap(
      REPLY,
      '  options.set(OPTION.message, textBytes(text));\n',
      '  options.delete(OPTION.clientIdentifier);\n  options.set(OPTION.message, textBytes(text));\n',
    ),
  ),
  echo(
    '3',
    'A reply to a client without an identifier has none.',
    swap(
      REPLY,
      ECHOED_IDENTIFIER,
      `  options.set(OPTION.clientIdentifier, Uint8Array.of(1, ...request.chaddr.subarray(0, 6)));\n${ECHOED_IDENTIFIER}`,
    ),
  ),
];
