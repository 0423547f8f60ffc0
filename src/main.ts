// The front door: arguments in, exit code out.
//
// Exit codes: 0 success; 1 the command failed (one line says why); 2 invalid arguments, or what they ask is refused; 141 standard output was closed (`rackboot … | head -1`),
// as a shell reports a program that SIGPIPE ended.

import { runCommandLine } from './cli/command-line.ts';
import { printError } from './cli/terminal/output.ts';
import { errorText, osErrorCode } from './errors.ts';

/** 128 and the number of SIGPIPE, which Node ignores. */
const OUTPUT_CLOSED = 141;

let isOutputLost = false;

// Not for the daemon: it writes its log another way, and continues when its output is not read.
process.stdout.on('error', (error) => {
  if (isOutputLost) return;
  isOutputLost = true;
  // EIO: the terminal was closed.
  const isClosed = ['EPIPE', 'EIO'].includes(osErrorCode(error) ?? '');
  if (!isClosed) {
    printError(`rackboot: standard output cannot be written: ${errorText(error)}`);
    process.exit(1);
  }
  // A command that must clean up gets SIGTERM, as if a person had stopped it.
  if (process.listenerCount('SIGTERM') > 0) process.kill(process.pid, 'SIGTERM');
  else process.exit(OUTPUT_CLOSED);
});
process.stderr.on('error', () => undefined);

process.exitCode = await runCommandLine(process.argv.slice(2));
