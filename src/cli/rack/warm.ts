// `rackboot warm`: compiles everything the daemon runs into the compile cache, without starting it.
// The first start after an installation is then as fast and as small as any other: the daemon
// itself strips no TypeScript, except the page's script when a browser first requests it.

import { flushCompileCache } from 'node:module';

/** Loads every module of the daemon and of its threads. @returns 0 */
export async function warmCache(): Promise<number> {
  await Promise.all([
    import('./run.ts'),
    import('../region/run.ts'),
    import('./lab.ts'),
    import('./status.ts'),
    import('../machines/list.ts'),
    import('../leases/list.ts'),
    import('../../region/http/server.ts'),
    import('../../region/region.ts'),
    import('../../store/sqlite/region-sqlite.ts'),
    import('../../store/leases/lease-database.ts'),
    import('../../net/netlink.ts'),
    import('../../net/datagrams/udp-linux.ts'),
    import('../../uplink/desired-state-cache.ts'),
  ]);
  // Without a parent thread to talk to, the threads' entries end at once; by then they are compiled.
  await Promise.allSettled([
    import('../../threads/region.ts'),
    import('../../threads/journal.ts'),
    import('../../threads/network.ts'),
    import('../../threads/tftp.ts'),
    import('../../net/linux/kernel-thread.ts'),
  ]);
  flushCompileCache();
  return 0;
}
