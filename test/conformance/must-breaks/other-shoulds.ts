// The RFCs of options and of relay agents, their SHOULDs for servers: how each demand is broken.

import { type BrokenMust, brokenIn, swap } from './row.ts';

const basic = brokenIn(2132);
const routes = brokenIn(3442);
const naming = brokenIn(4702);
const agent = brokenIn(3046);

const FQDN = 'wire/client-fqdn.ts';
const LAYOUT = 'wire/option-layout.ts';
const REPLY = 'answers/reply.ts';

const IDENTIFIER = '  const clientId = optionIdentifier(message.options, OPTION.clientIdentifier);\n';
const ECHOED_AGENT = '  echo(options, request, OPTION.relayAgentInformation);\n';
const PLACED = '    const placed = new OptionList();\n';
const textIn = (code: string): string => `textOf(found.get(${code}))`;
const PRINTABLE = "?.replace(/[^\\x20-\\x7e]/g, '')";

/** In the order of the rows. */
export const OTHER_SHOULDS: readonly BrokenMust[] = [
  basic(
    '2',
    'Text does not end in a zero byte when sent, and may when received.',
    swap('wire/options.ts', "latin1(value).replace(/\\0+$/, '')", 'latin1(value)'),
  ),
  basic(
    '9.9',
    'A NAK says in words what is wrong.',
    swap(REPLY, '  options.set(OPTION.message, textBytes(text));\n', ''),
  ),
  basic(
    '9.13',
    'Only a server that knows the class sends class-specific information.',
    swap(
      REPLY,
      '  if (plan.vendorClass !== undefined) options.set(OPTION.vendorClass, textBytes(plan.vendorClass));\n',
      '',
    ),
  ),
  basic(
    '9.14',
    'It is bytes without meaning to a server.',
    swap(
      'answers/inquiry.ts',
      IDENTIFIER,
      `${IDENTIFIER}  if (clientId?.startsWith('\\x01') && clientId.length !== 1 + ETHERNET_BYTES)\n    return { kind: 'refused', reason: 'hardware-unsupported', mac };\n`,
    ),
  ),
  routes(
    'server responsibilities',
    'A client that requests and gets these routes gets neither router nor static routes.',
    swap(REPLY, '  if (isRoute && options.has(OPTION.classlessRoutes)) return undefined;\n', ''),
  ),
  routes('server responsibilities', 'They include the default route, for clients that read nothing else.', {
    file: 'config/option-list.ts',
    from: 'if (!isRoutes || router === undefined || hasDefaultRoute(entry.value)) return entry;',
    to: 'if (isRoutes) return entry;',
  }),
  naming('2.2', 'A server writes 255 into both RCODEs.', swap(FQDN, 'RCODE = 255;', 'RCODE = 0;')),
  naming(
    '3.1',
    'A host name (12) is ignored if option 81 is present.',
    swap(
      FQDN,
      'return fqdn === undefined ? clientHostname(options) : fqdn.label;',
      'return clientHostname(options) ?? fqdn?.label;',
    ),
  ),
  naming(
    '4',
    'The name in the answer is complete, with its domain.',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of the product
    swap(FQDN, "const full = domain === '' ? label : `${label}.${domain}`;", 'const full = label;'),
  ),
  agent(
    '2.2',
    'It is the last option.',
    swap(LAYOUT, PLACED, `${PLACED}    if (relayed !== undefined) placed.set(AGENT_INFORMATION, relayed);\n`),
  ),
  agent(
    '2.2',
    'Replies sent without the option are counted.',
    swap(LAYOUT, 'agent === relayed ? layout.omitted : [AGENT_INFORMATION, ...layout.omitted];', 'layout.omitted;'),
  ),
  agent(
    '2.2',
    'The option is taken in unicasts, too.',
    swap(REPLY, ECHOED_AGENT, `  if (request.giaddr !== ANY) echo(options, request, OPTION.relayAgentInformation);\n`),
  ),
  agent(
    '3.1',
    'The circuit id is bytes without meaning, compared as a whole.',
    swap(
      'wire/relay-agent.ts',
      textIn('RELAY_SUBOPTION.circuitId'),
      `${textIn('RELAY_SUBOPTION.circuitId')}${PRINTABLE}`,
    ),
  ),
  agent('3.1', 'It is shown with the lease.', swap('answers/terms.ts', '    circuitId: inquiry.circuitId,\n', '')),
  agent(
    '3.2',
    'The remote id is bytes without meaning, compared as a whole.',
    swap(
      'wire/relay-agent.ts',
      textIn('RELAY_SUBOPTION.remoteId'),
      `${textIn('RELAY_SUBOPTION.remoteId')}${PRINTABLE}`,
    ),
  ),
  agent('3.2', 'It is shown with its client.', swap('answers/terms.ts', '    remoteId: inquiry.remoteId,\n', '')),
  agent(
    '4.0',
    'The number of addresses of one remote id is limited.',
    swap(
      'answers/newcomer.ts',
      'if (circuit === undefined) return { name: way, socket, isRelayed };',
      'if (circuit !== null) return { name: way, socket, isRelayed };',
    ),
  ),
];
