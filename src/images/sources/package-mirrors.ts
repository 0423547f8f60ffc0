// Chooses the package mirror for an installer, in this order: the mirror of its source, the
// configured one, the mirror of this host's apt, the default of the distribution.
//
// Source: MAAS's `main_archive` and `ports_archive`, the latter for every Ubuntu architecture
// except amd64 and i386; sources.list of Ubuntu.

import { findAptMirror } from './apt-sources.ts';
import type { InstallerSource } from './source.ts';

/** The configured mirrors. Without one, the mirror of this host's apt is used. */
export interface ConfiguredMirrors {
  readonly debian?: string | undefined;
  /** The mirror for amd64 and i386. */
  readonly ubuntu?: string | undefined;
  readonly ubuntuPorts?: string | undefined;
}

const MAIN_ARCHITECTURES: ReadonlySet<string> = new Set(['amd64', 'i386']);
const PORTS = 'ubuntu-ports';

const hasPorts = (os: string, architecture: string): boolean =>
  os === 'ubuntu' && !MAIN_ARCHITECTURES.has(architecture);

/**
 * Finds the configuration key of the mirror. Undefined if the source names its own mirror, or its
 * system has no key.
 */
export function findMirrorKey(
  { os, mirror }: Pick<InstallerSource, 'os' | 'mirror'>,
  architecture: string,
): string | undefined {
  if (mirror !== undefined) return undefined;
  if (os === 'debian') return 'preseeds.debian_mirror';
  if (os !== 'ubuntu') return undefined;
  return hasPorts(os, architecture) ? 'preseeds.ubuntu_ports_mirror' : 'preseeds.ubuntu_mirror';
}

/**
 * Finds a mirror. Its URL ends in `/`. Undefined if there is none.
 * @param hostMirrors the mirrors of this host's apt
 */
export function findMirror(
  source: Pick<InstallerSource, 'os' | 'mirror' | 'defaultMirror' | 'defaultPortsMirror'>,
  architecture: string,
  configured: ConfiguredMirrors,
  hostMirrors: readonly string[],
): string | undefined {
  const { os, mirror, defaultMirror, defaultPortsMirror } = source;
  if (mirror !== undefined) return mirror;
  const needsPorts = hasPorts(os, architecture);
  const mainMirror = os === 'debian' ? configured.debian : os === 'ubuntu' ? configured.ubuntu : undefined;
  const configuredMirror = needsPorts ? configured.ubuntuPorts : mainMirror;
  if (configuredMirror !== undefined) return configuredMirror.endsWith('/') ? configuredMirror : `${configuredMirror}/`;
  return findAptMirror(hostMirrors, needsPorts ? PORTS : os) ?? (needsPorts ? defaultPortsMirror : defaultMirror);
}
