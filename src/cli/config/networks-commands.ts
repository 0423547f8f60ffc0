// The table of `rackboot networks list|add|remove`.

import { group, row } from '../terminal/command-table.ts';
import { config, json, named, option, yes } from '../terminal/shared-options.ts';
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
      interface: named('An interface of this host'),
      config,
      name: option('Name of the network'),
      ...NETWORK_OPTIONS,
      yes,
    },
    networks,
    'addNetwork',
  ),
  row(
    'remove <name>',
    'Serve a network no longer, after a question; its reservations go',
    { name: named(), config, yes },
    networks,
    'removeNetwork',
  ),
]);
