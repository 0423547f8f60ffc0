// The mirror of packages for an installer: that of its source, else the configured one, else that of apt of this host, else the distribution's.
//
// Source: MAAS's `main_archive` and `ports_archive`, the latter for every architecture of Ubuntu but amd64 and i386; sources.list of Ubuntu.

import { findAptMirror } from './apt-sources.ts';
import type { InstallerSource } from './source.ts';

/** The mirrors that the operator configured; undefined: none, so that of this host's apt is used. */
export interface ConfiguredMirrors {
  readonly debian?: string | undefined;
  /** amd64 and i386. */
  readonly ubuntu?: string | undefined;
  /** Every other architecture. */
  readonly ubuntuPorts?: string | undefined;
}

const MAIN_ARCHITECTURES: ReadonlySet<string> = new Set(['amd64', 'i386']);
const PORTS = 'ubuntu-ports';

/**
 * The URL, ending in `/`; undefined if there is none.
 * @param host the mirrors that apt of this host uses
 */
export function findMirror(
  source: Pick<InstallerSource, 'os' | 'mirror' | 'defaultMirror' | 'defaultPortsMirror'>,
  architecture: string,
  configured: ConfiguredMirrors,
  host: readonly string[],
): string | undefined {
  const { os, mirror, defaultMirror, defaultPortsMirror } = source;
  if (mirror !== undefined) return mirror;
  const isPorts = os === 'ubuntu' && !MAIN_ARCHITECTURES.has(architecture);
  const named = os === 'debian' ? configured.debian : os === 'ubuntu' ? configured.ubuntu : undefined;
  const own = isPorts ? configured.ubuntuPorts : named;
  if (own !== undefined) return own.endsWith('/') ? own : `${own}/`;
  return findAptMirror(host, isPorts ? PORTS : os) ?? (isPorts ? defaultPortsMirror : defaultMirror);
}
