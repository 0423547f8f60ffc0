// The program: arguments in, exit code out. For the calls of the service units
// (`run --config FILE`, `region run --config FILE`) it loads neither the parser, which takes 50 ms
// of processor time, nor the tables of the other commands.
//
// The three imports below share nothing but text and numbers: in a package each is a file of its
// own, with all that it needs.
//
// Exit codes: 0 success; 1 the command failed (one line says why); 2 invalid arguments, or what
// they ask is refused; 141 standard output was closed (`rackboot … | head -1`), as a shell reports
// a program that SIGPIPE ended.

import { printError } from './cli/terminal/output.ts';
import { errorText, osErrorCode } from './ground/errors.ts';

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

async function runCommand(args: readonly string[]): Promise<number> {
  const [flag, file] = args.slice(-2);
  const command = args.slice(0, -2).join(' ');
  if (flag === '--config' && file !== undefined) {
    if (command === 'run') {
      const { runRackService } = await import('./cli/rack/service.ts');
      return await runRackService(args, file);
    }
    if (command === 'region run') {
      const { runRegionService } = await import('./cli/region/service.ts');
      return await runRegionService(args, file);
    }
  }
  const { runCommandLine } = await import('./cli/command-line.ts');
  return await runCommandLine(args);
}

void runCommand(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
