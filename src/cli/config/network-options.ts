// The options of a network that `init` and `networks add` share.

import { option } from '../terminal/shared-options.ts';

export const NETWORK_OPTIONS = {
  mode: {
    choices: ['server', 'proxy'],
    describe: 'Which DHCP server gives the addresses: this rack (server) or another (proxy)',
  },
  low: option('First address of the dynamic range'),
  high: option('Last address of the dynamic range'),
  'static-low': option('First address of the static range'),
  'static-high': option('Last address of the static range'),
  router: option('Router offered to machines'),
} as const;
