// The mirrors of packages that the configuration names for machines (`preseeds.…_mirror`), for the
// import of installers.
//
// 1. A default value does not count as configured, because the mirror that apt uses on this host is
//    a better choice.

import type { ConfiguredMirrors } from '../../images/sources/package-mirrors.ts';
import { DEFAULT_MIRRORS, type InstallConfig } from './request.ts';

export function configuredMirrors(config: Pick<InstallConfig, 'preseeds'> | undefined): ConfiguredMirrors {
  if (config === undefined) return {};
  const { debian, ubuntu, ubuntuPorts } = config.preseeds.mirrors;
  return {
    debian: debian === DEFAULT_MIRRORS.debian ? undefined : debian,
    ubuntu: ubuntu === DEFAULT_MIRRORS.ubuntu ? undefined : ubuntu,
    ubuntuPorts: ubuntuPorts === DEFAULT_MIRRORS.ubuntuPorts ? undefined : ubuntuPorts,
  };
}
