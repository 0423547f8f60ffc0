// The flags of Node that a daemon runs with, whoever starts it. Plain JavaScript that Node 18 understands, too.

// For every program of the checkout: no warning at each start that what Node has for SQLite and for types is experimental.
export const WITHOUT_WARNING = '--disable-warning=ExperimentalWarning';

// For every program that imports much of the checkout.
export const QUICK_IMPORTS = `--import=${new URL('quick-imports.js', import.meta.url).href}`;

// --v8-pool-size=1: on a host with few cores V8's helper threads otherwise crowd the rack loop out while the region collects garbage.
// --max-semi-space-size=8: what waits for the disk dies young. With 2, which keeps the idle process 11 MB smaller, a tenth of a lease's
// processor time goes into copying it; with 16 little more is saved.
// --no-parallel-scavenge: a young generation of this size is collected in a millisecond; shared with a helper thread it costs more in all.
const FLAGS = ['--v8-pool-size=1', '--max-semi-space-size=8', '--no-parallel-scavenge', WITHOUT_WARNING];

/** Of a daemon that runs from its sources. */
export const DAEMON_FLAGS = [QUICK_IMPORTS, ...FLAGS];

/** The flags for this main file: a bundle imports next to nothing. */
export const flagsFor = (main) => (main.endsWith('.ts') ? DAEMON_FLAGS : FLAGS);
