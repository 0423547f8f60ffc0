// For a valid configuration: notes on keys that have no effect although one would expect one, and
// warnings about keys that give everybody access. Pure.

import { findNamedOption } from '../dhcp/wire/option-table.ts';
import { formatNetwork, type Ipv4Network } from '../ground/address.ts';
import type { RackNote } from '../region/reports/notes.ts';
import type { RackConfig } from './rack-config.ts';

/** No organisation has a larger network than this prefix. */
const PRIVATE_PREFIX = 8;

/** Warns about lists of clients that admit large parts of the Internet. */
export function findOpenListeners({
  tftp,
  dns,
}: Pick<RackConfig, 'tftp' | 'dns'>): readonly RackNote<OpenListenerNote>[] {
  return [
    ...openListenerNote('files-open-to-all', tftp.clients),
    ...openListenerNote('recursion-open-to-all', dns.clients),
  ];
}
type OpenListenerNote = 'files-open-to-all' | 'recursion-open-to-all';

function openListenerNote(
  note: OpenListenerNote,
  clients: readonly Ipv4Network[],
): readonly RackNote<OpenListenerNote>[] {
  const wide = clients.filter(({ prefix }) => prefix < PRIVATE_PREFIX);
  return wide.length === 0 ? [] : [{ note, networks: wide.map(formatNetwork).join(', ') }];
}

/** The warnings of `findOpenListeners`, then the notes. */
export const configRemarks = (config: RackConfig): readonly RackNote[] => [
  ...findOpenListeners(config),
  ...configNotes(config),
];

/** Notes on options and classes that have no effect because their network is in proxy mode. */
export function configNotes({ dhcp }: RackConfig): readonly RackNote[] {
  return dhcp.subnets.flatMap(({ name: network, proxy, options: given, classes: all = [] }): readonly RackNote[] => {
    if (proxy !== true) return [];
    const options = [...(given?.byCode.keys() ?? [])].map((code) => findNamedOption(code)?.name ?? `${code}`);
    const classes = all.filter(
      (clientClass) => clientClass.options !== undefined || clientClass.leaseTime !== undefined,
    );
    return [
      ...namesNote(options, (names) => ({ note: 'proxy-options-idle', network, options: names })),
      ...namesNote(
        classes.map(({ name }) => name),
        (names) => ({ note: 'proxy-classes-idle', network, classes: names }),
      ),
    ];
  });
}

const namesNote = (names: readonly string[], make: (names: string) => RackNote): readonly RackNote[] =>
  names.length === 0 ? [] : [make(names.join(', '))];
