// Imported into the process of test files by test/run.ts: when no test has ended for this long, the process says what keeps it and ends, together
// with every process below it, so that a forgotten server or daemon costs one failure and not the whole run.

import { killBelow } from './process-tree.ts';

const limitMs = Number(process.env.RACKBOOT_TEST_SILENT_MS);
let timer: NodeJS.Timeout | undefined;

if (Number.isInteger(limitMs) && limitMs > 0) {
  timer = setTimeout(() => {
    const kinds = Map.groupBy(process.getActiveResourcesInfo(), (kind) => kind);
    const kept = [...kinds].map(([kind, all]) => `${all.length} ${kind}`).join(', ');
    console.error(`no test ended for ${limitMs} ms; what still runs: ${kept}`);
    killBelow(process.pid);
    process.exit(1);
  }, limitMs).unref();
}

/** Call it when a test has ended. */
export const restartLimit = (): void => void timer?.refresh();
