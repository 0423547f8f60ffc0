// `rackboot doctor`: asks the running rack as a machine would.

import { systemClock } from '../clock.ts';
import { examine } from '../doctor/doctor.ts';
import type { Finding } from '../doctor/finding.ts';
import { findConfig } from './config-in-force.ts';
import { printJson } from './output.ts';

/** Prints each finding as it is made. @returns 0 when all is well, else 1 */
export async function runDoctor(file: string, outsideName: string | undefined, json: boolean): Promise<number> {
  const findings: Finding[] = [];
  const healthy = await examine({
    config: (await findConfig(file)).config,
    outsideName,
    xid: Buffer.from(systemClock.randomBytes(4)).readUInt32BE(0),
    onFinding: (finding) => {
      findings.push(finding);
      if (!json) console.log(`${finding.ok ? 'ok  ' : 'BAD '} ${finding.check}: ${finding.text}`);
    },
  });
  if (json) printJson({ healthy, findings });
  else console.log(healthy ? 'All is well.' : 'Something is wrong: see the lines marked BAD.');
  return healthy ? 0 : 1;
}
