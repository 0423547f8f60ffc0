// What of a changed configuration cannot change while running. Pure.

import type { RackConfig } from '../config/rack-config.ts';

/**
 * The new configuration with the values that only a restart changes taken from the running one, and the keys of the file
 * where they differ.
 */
export function restartKeys(
  running: RackConfig,
  next: RackConfig,
): { readonly config: RackConfig; readonly keys: readonly string[] } {
  const keys: string[] = [];
  const differs = (key: string, a: unknown, b: unknown): void => {
    if (JSON.stringify(a) !== JSON.stringify(b)) keys.push(key);
  };
  differs('name', running.name, next.name);
  differs('state_dir', running.stateDir, next.stateDir);
  differs('boot.tree', running.boot.tree, next.boot.tree);
  // Requests of machines are passed on to this listener: it must not go while the region runs.
  const door = running.http.region;
  const doorStays = next.region.listen.some(({ host, port }) => host === door?.host && port === door.port);
  if (!doorStays) keys.push('region.listen');
  differs('log.file', running.log.file, next.log.file);
  const config: RackConfig = {
    ...next,
    name: running.name,
    stateDir: running.stateDir,
    boot: { ...next.boot, tree: running.boot.tree },
    dns: { ...next.dns, selfName: running.dns.selfName },
    http: { ...next.http, region: door },
    region: {
      ...next.region,
      listen: doorStays ? next.region.listen : running.region.listen,
      stateDir: running.stateDir,
    },
    log: { ...next.log, file: running.log.file },
  };
  return { config, keys };
}
