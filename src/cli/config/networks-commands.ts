// The table of `rackboot networks list|add|change|remove`.

import { group, row } from '../terminal/command-table.ts';
import { config, json, numberNamed, option, repeated, requiredArgument, yes } from '../terminal/shared-options.ts';
import { NETWORK_OPTIONS } from './network-options.ts';

const networks = () => import('./networks.ts');

export const NETWORK_COMMANDS = group('networks', 'The networks that this rack serves', [
  row(
    ['list', '$0'],
    'List the networks, with their ranges and how many addresses are reserved',
    { config, json },
    networks,
    'listNetworks',
  ),
  row(
    'add <interface>',
    'Serve the network of another interface, too',
    {
      interface: requiredArgument('An interface of this host'),
      config,
      name: option('Name of the network'),
      ...NETWORK_OPTIONS,
      yes,
    },
    networks,
    'addNetwork',
  ),
  row(
    'change <name>',
    'Change a network, also while the rack runs; - removes a value',
    {
      name: requiredArgument('A network of `networks list`'),
      config,
      ...NETWORK_OPTIONS,
      'dns-servers': repeated('DNS server offered to machines'),
      domain: option('Domain of the names of its hosts'),
      management: {
        ...numberNamed('--management'),
        requiresArg: true,
        describe: 'What this rack gives: 0 nothing, 1 DHCP, 2 DHCP and names',
      },
      yes,
    },
    networks,
    'changeNetwork',
  ),
  row(
    'remove <name>',
    'Serve a network no longer, after a question; its reservations go',
    { name: requiredArgument(), config, yes },
    networks,
    'removeNetwork',
  ),
]);
