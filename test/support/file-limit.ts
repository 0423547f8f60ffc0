// Imported into the process of each test file by test/run.ts: a file that has not ended in its time says what keeps it and ends,
// together with every process below it, so that a forgotten server or daemon costs one failure and not the whole run.

import { killBelow } from './process-tree.ts';

const limitMs = Number(process.env.RACKBOOT_TEST_FILE_MS);

if (Number.isInteger(limitMs) && limitMs > 0) {
  setTimeout(() => {
    const kinds = Map.groupBy(process.getActiveResourcesInfo(), (kind) => kind);
    const kept = [...kinds].map(([kind, all]) => `${all.length} ${kind}`).join(', ');
    console.error(`it did not end within ${limitMs} ms; what still runs: ${kept}`);
    killBelow(process.pid);
    process.exit(1);
  }, limitMs).unref();
}
