// Checks at startup that the configuration fits the host.

import { formatProblems } from '../../config/config-file.ts';
import { findHostOverlaps } from '../../config/host-check.ts';
import type { UsableConfig } from '../../config/resolve-file.ts';
import { RackError } from '../../errors.ts';
import type { HostInterface } from '../../net/host-interface.ts';

/** @throws RackError `config-invalid`, naming each key of `file` that does not fit the host's interfaces */
export function checkHost(file: string, usable: UsableConfig, host: readonly HostInterface[]): void {
  const problems = findHostOverlaps(usable, host);
  if (problems.length > 0) throw new RackError('config-invalid', formatProblems(file, problems));
}
