// The demands of the RFCs of relay agents on servers: 1542, 3011, 3046, 3527, 5107.

import { type Must, rowsOf, SHOWN } from './must-rows.ts';

const bootp = rowsOf(1542);
const selection = rowsOf(3011);
const agent = rowsOf(3046);
const link = rowsOf(3527);
const override = rowsOf(5107);

/** In the order of the RFCs and sections. */
export const RELAY_MUSTS: readonly Must[] = [
  bootp.met('5.4', 'MUST', 'A reply to a relayed request goes to giaddr, port 67.', SHOWN.toRelay),
  selection.met('2', 'MUST', 'The network that option 118 names is used, before giaddr.', SHOWN.subnetSelection),
  selection.departs(
    '2',
    'MUST',
    'That holds for every client.',
    'Through a relay agent it does. A host without one may name only the networks of its own shared network, unless the named network lists its address in `relays` or `relay_sources`, as for an access server. Otherwise any host could take addresses of a shared network that it is not on, and end leases there. Other servers believe every host.',
    SHOWN.withoutRelay,
    SHOWN.ofItsWire,
  ),
  selection.met('2', 'MUST', 'Option 118 goes back as it came, asked for or not.', SHOWN.subnetSelection),
  selection.met('2', 'MUST', 'A network that cannot be served gives no address of another one.', SHOWN.unserved),
  agent.met('2.0', 'MUST', 'Sub-options are code, length, value, in any order, perhaps empty.', SHOWN.subOptions),
  agent.met('2.2', 'MUST', 'The whole option goes back in every reply.', SHOWN.agentEchoed, SHOWN.agentOnTop),
  agent.met('2.2', 'SHOULD', 'It is the last option.', SHOWN.agentEchoed),
  agent.met('2.2', 'MUST NOT', 'The option is never in file or sname.', SHOWN.agentPlace),
  agent.met('2.2', 'MUST', 'A reply without room for the whole option is sent without the option.', SHOWN.agentTooLong),
  agent.met('2.2', 'SHOULD', 'Replies sent without the option are counted.', SHOWN.agentTooLong),
  agent.met('2.2', 'SHOULD', 'The option is taken in unicasts, too.', SHOWN.agentUnicast),
  agent.met('2.2', 'MUST NOT', 'The option is not required in unicasts.', SHOWN.agentUnicast),
  agent.met('3.1', 'SHOULD', 'The circuit id is bytes without meaning, compared as a whole.', SHOWN.agentStored),
  agent.met('3.1', 'SHOULD', 'It is shown with the lease.', SHOWN.agentStored),
  agent.met('3.2', 'SHOULD', 'The remote id is bytes without meaning, compared as a whole.', SHOWN.agentStored),
  agent.met('3.2', 'SHOULD', 'It is shown with its client.', SHOWN.agentStored),
  agent.departs(
    '4.0',
    'SHOULD',
    'The number of addresses of one remote id is limited.',
    'A switch with 48 ports has one remote id. The rack limits the rate of new clients of one circuit instead.',
    SHOWN.circuitLimit,
  ),
  link.met('3', 'MUST', 'The network that link selection names is used, before giaddr and 118.', SHOWN.linkSelection),
  link.departs(
    '3',
    'MUST',
    'The reply still goes to giaddr.',
    'It does if giaddr is an address of a served network, or one of `relays` of the named one, and the datagram comes from there, from a served network or from `relay_sources`. Otherwise the rack does not reply: a forged giaddr could direct datagrams at any host, and give a remote host addresses of the network.',
    SHOWN.ownRelays,
    SHOWN.relaySource,
  ),
  link.met('3', 'MUST', 'The sub-option goes back with the whole option.', SHOWN.linkSelection),
  link.met('3', 'MUST', 'A network that cannot be served gives no address of another one.', SHOWN.unserved),
  link.met('3', 'MUST', 'Mask and router are those of the named network.', SHOWN.linkSelection),
  override.met('4', 'MUST', 'The override is the server identifier of the reply.', SHOWN.override),
  override.met('4', 'MUST', 'A message that names the override names this server.', SHOWN.override),
  override.met('4', 'MUST', 'Renewals that come through the relay are answered through it.', SHOWN.override),
  override.met('4', 'MUST', 'A sub-option of a wrong length is ignored.', SHOWN.overrideWrong),
];
