// The RFCs of relay agents: how each demand is broken.

import { type BrokenMust, brokenIn, swap } from './row.ts';

const bootp = brokenIn(1542);
const selection = brokenIn(3011);
const agent = brokenIn(3046);
const link = brokenIn(3527);
const override = brokenIn(5107);

const DESTINATION = 'wire/destination.ts';
const INQUIRY = 'answers/inquiry.ts';
const LAYOUT = 'wire/option-layout.ts';
const REPLY = 'answers/reply.ts';
const SENDER = 'networks/relays.ts';
const SUBNET = 'networks/subnet.ts';
const TERMS = 'answers/terms.ts';

const AGENT = '  const agent = message.options.get(OPTION.relayAgentInformation);\n';
const ECHOED_AGENT = '  echo(options, request, OPTION.relayAgentInformation);\n';
const UNSERVED = "    if (found === undefined) return { kind: 'refused', reason: 'network-unknown' };\n";
const ANY_NETWORK = "return { kind: 'shared-network', sharedNetwork: index.served };\n";

/** In the order of the rows. */
export const RELAY_BREAKS: readonly BrokenMust[] = [
  bootp(
    '5.4',
    'A reply to a relayed request goes to giaddr, port 67.',
    swap(
      DESTINATION,
      'address: request.giaddr, port: ports.serverPort',
      'address: request.giaddr, port: ports.clientPort',
    ),
  ),
  selection(
    '2',
    'The network that option 118 names is used, before giaddr.',
    swap(
      SUBNET,
      '  if (selected !== undefined) return selected;\n  if (message.giaddr !== ANY) return message.giaddr;\n',
      '  if (message.giaddr !== ANY) return message.giaddr;\n  if (selected !== undefined) return selected;\n',
    ),
  ),
  selection(
    '2',
    'That holds for every client.',
    swap(
      SENDER,
      "  if (from === undefined || !isNamed(from, network)) return 'other-wire';\n",
      '  if (from === undefined || !isNamed(from, network)) return undefined;\n',
    ),
  ),
  selection(
    '2',
    'Option 118 goes back as it came, asked for or not.',
    swap(REPLY, '  echo(options, request, OPTION.subnetSelection);\n', ''),
  ),
  selection(
    '2',
    'A network that cannot be served gives no address of another one.',
    swap(
      SUBNET,
      UNSERVED,
      `    if (found === undefined && relay?.linkSelection === undefined) ${ANY_NETWORK}${UNSERVED}`,
    ),
  ),
  agent(
    '2.0',
    'Sub-options are code, length, value, in any order, perhaps empty.',
    swap(
      'wire/relay-agent.ts',
      'if (end > option.length) break;',
      'if (end > option.length || end === offset + 2) break;',
    ),
  ),
  agent('2.2', 'The whole option goes back in every reply.', swap(REPLY, ECHOED_AGENT, '')),
  agent(
    '2.2',
    'The option is never in file or sname.',
    swap(
      LAYOUT,
      'put(layout.main, AGENT_INFORMATION, agent);',
      'put(used === 0 ? layout.main : layout.file, AGENT_INFORMATION, agent);',
    ),
  ),
  agent(
    '2.2',
    'A reply without room for the whole option is sent without the option.',
    swap(
      LAYOUT,
      'agentBytes + BESIDE_AGENT_BYTES_MIN <= wholeBytes ? relayed : undefined;',
      'agentBytes + BESIDE_AGENT_BYTES_MIN <= wholeBytes ? relayed : relayed?.subarray(0, PIECE_BYTES_MAX);',
    ),
  ),
  agent(
    '2.2',
    'The option is not required in unicasts.',
    swap(
      INQUIRY,
      AGENT,
      `${AGENT}  if (agent === undefined && arrival.interfaceName === undefined)\n    return { kind: 'refused', reason: 'relay-unknown', mac };\n`,
    ),
  ),
  link(
    '3',
    'The network that link selection names is used, before giaddr and 118.',
    swap(SUBNET, '  if (relay?.linkSelection !== undefined) return relay.linkSelection;\n', ''),
  ),
  link(
    '3',
    'The reply still goes to giaddr.',
    swap(SENDER, "    return 'relay-source-unknown';\n", '    return undefined;\n'),
    swap(SENDER, "if (!isKnownRelay(giaddr, network, index)) return 'relay-unknown';", ''),
  ),
  link(
    '3',
    'The sub-option goes back with the whole option.',
    swap(
      REPLY,
      ECHOED_AGENT,
      `${ECHOED_AGENT}  const agent = options.get(OPTION.relayAgentInformation);\n` +
        '  if (agent?.[0] === 5) options.set(OPTION.relayAgentInformation, agent.subarray(6));\n',
    ),
  ),
  link(
    '3',
    'A network that cannot be served gives no address of another one.',
    swap(
      SUBNET,
      UNSERVED,
      `    if (found === undefined && relay?.linkSelection !== undefined) ${ANY_NETWORK}${UNSERVED}`,
    ),
  ),
  link(
    '3',
    'Mask and router are those of the named network.',
    swap(
      TERMS,
      '    type,\n    served,\n    serverIdentifier',
      '    type,\n    served: state.subnets.served[0] ?? served,\n    serverIdentifier',
    ),
  ),
  override(
    '4',
    'The override is the server identifier of the reply.',
    swap(
      TERMS,
      'serverIdentifier: relay?.serverIdentifierOverride ?? serverAddress,',
      'serverIdentifier: serverAddress,',
    ),
  ),
  override(
    '4',
    'A message that names the override names this server.',
    swap(
      TERMS,
      'if (said === undefined || said === inquiry.relay?.serverIdentifierOverride) return true;',
      'if (said === undefined) return true;',
    ),
  ),
  override(
    '4',
    'Renewals that come through the relay are answered through it.',
    swap(
      DESTINATION,
      'if (request.giaddr !== ANY) return',
      'if (request.giaddr !== ANY && request.ciaddr === ANY) return',
    ),
  ),
  override(
    '4',
    'A sub-option of a wrong length is ignored.',
    swap(
      'wire/relay-agent.ts',
      'if (bytes?.length !== 4) return undefined;',
      'if (bytes === undefined) return undefined;',
    ),
  ),
];
