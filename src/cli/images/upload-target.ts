// The region to which a command uploads: the one of this host, over the control socket, or any other by its URL and an API key.

import { join } from 'node:path';
import { parseRegionUrl } from '../../config/region-url.ts';
import { RackError } from '../../errors.ts';
import { CONTROL_SOCKET } from '../../http/config.ts';
import { CONTROL_BODY_BYTES_MAX } from '../../http/control/requests.ts';
import { type AskRegion, askAs, askSocket } from '../clients/region-request.ts';
import { PIECE_BYTES } from '../clients/upload-piece.ts';

/** A region. */
export interface UploadTarget {
  /** For people. */
  readonly name: string;
  /** The largest piece that it accepts, in bytes. */
  readonly pieceBytes: number;
  readonly ask: AskRegion;
}

/** The region of this host. */
export function localTarget(stateDir: string): UploadTarget {
  const socketPath = join(stateDir, CONTROL_SOCKET);
  return { name: 'the region of this host', pieceBytes: CONTROL_BODY_BYTES_MAX, ask: askSocket(socketPath) };
}

/**
 * A remote region.
 * @param key an API key, as `rackboot apikey` prints it
 * @param caFile PEM certificates to trust instead of the system's; undefined to trust the system's
 * @throws RackError `bad-argument`, and as `readGivenFile`
 */
export function webTarget(url: string, key: string, caFile: string | undefined): UploadTarget {
  const parsed = parseRegionUrl(url.replace(/\/api\/\d\.\d\/?$/, ''));
  if (parsed === undefined)
    throw new RackError(
      'bad-argument',
      `--url ${JSON.stringify(url)} is not the URL of a region, such as http://10.20.0.1:5240/MAAS`,
    );
  const { text } = parsed;
  return { name: text, pieceBytes: PIECE_BYTES, ask: askAs({ url: text, key, ca_file: caFile }) };
}
