// Imported into the process of each test file by test/run.ts: a file that has not ended in its time says what keeps it and ends,
// together with every process below it, so that a forgotten server or daemon costs one failure and not the whole run.

import { readdirSync, readFileSync } from 'node:fs';

const limitMs = Number(process.env.RACKBOOT_TEST_FILE_MS);

/** Every process below one, children before their parents. */
function below(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        // "pid (name) state ppid": the name may hold anything, a parenthesis too.
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
      } catch {
        return false;
      }
    })
    .map(Number);
  return children.flatMap((child) => [...below(child), child]);
}

if (Number.isInteger(limitMs) && limitMs > 0) {
  setTimeout(() => {
    console.error(
      `${process.argv[1]} did not end within ${limitMs} ms: ${process.getActiveResourcesInfo().join(', ')}`,
    );
    for (const pid of below(process.pid))
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    process.exit(1);
  }, limitMs).unref();
}
