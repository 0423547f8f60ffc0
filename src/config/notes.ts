// For a valid configuration: notes on keys that have no effect although one would expect an effect,
// and warnings about keys that give everybody access. Pure.

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
    ...composeOpenListenerNote('files-open-to-all', tftp.clients),
    ...composeOpenListenerNote('recursion-open-to-all', dns.clients),
  ];
}
type OpenListenerNote = 'files-open-to-all' | 'recursion-open-to-all';

function composeOpenListenerNote(
  note: OpenListenerNote,
  clients: readonly Ipv4Network[],
): readonly RackNote<OpenListenerNote>[] {
  const wideNetworks = clients.filter(({ prefix }) => prefix < PRIVATE_PREFIX);
  return wideNetworks.length === 0 ? [] : [{ note, networks: wideNetworks.map(formatNetwork).join(', ') }];
}

/** The warnings of `findOpenListeners`, then the notes. */
export const listConfigRemarks = (config: RackConfig): readonly RackNote[] => [
  ...findOpenListeners(config),
  ...listConfigNotes(config),
];

/** Notes on options and classes that have no effect because their network is in proxy mode. */
export function listConfigNotes({ dhcp }: RackConfig): readonly RackNote[] {
  return dhcp.subnets.flatMap(
    ({ name: network, proxy, options: writtenOptions, classes: allClasses = [] }): readonly RackNote[] => {
      if (proxy !== true) return [];
      const options = [...(writtenOptions?.byCode.keys() ?? [])].map(
        (code) => findNamedOption(code)?.name ?? `${code}`,
      );
      const classes = allClasses.filter(
        (clientClass) => clientClass.options !== undefined || clientClass.leaseTime !== undefined,
      );
      return [
        ...composeNamesNote(options, (names) => ({ note: 'proxy-options-idle', network, options: names })),
        ...composeNamesNote(
          classes.map(({ name }) => name),
          (names) => ({ note: 'proxy-classes-idle', network, classes: names }),
        ),
      ];
    },
  );
}

const composeNamesNote = (names: readonly string[], make: (names: string) => RackNote): readonly RackNote[] =>
  names.length === 0 ? [] : [make(names.join(', '))];
