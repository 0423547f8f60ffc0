// A form that a machine posts to its rack.

import { request } from 'node:http';
import type { LabPlace } from '../../src/lab/safe-lab.ts';

/** Posts a form to the rack of a place. @param from an address of the machines' network @returns the status */
export function postForm(place: LabPlace, from: string, path: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asking = request(
      {
        host: `${place.octets}.1`,
        port: place.httpPort,
        localAddress: from,
        path,
        method: 'POST',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      },
      (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode ?? 0));
      },
    );
    asking.on('error', reject);
    asking.end(body);
  });
}
