// `boot-resources create … content@=FILE`: uploads the file in pieces, like MAAS's command line.
//
// Source: the maas command line: a POST with sha256 and size instead of the content, then pieces to
// the `upload_uri` in the answer.
//
// 1. A repeated command continues an interrupted upload, because the answer says how many bytes the
//    region has.

import { z } from 'zod';
import { openHashed } from '../terminal/hashed-file.ts';
import { buildRegionRequest } from './call.ts';
import type { Action } from './description.ts';
import { parseAnswerJson, type RegionAnswer, type RegionClient } from './region-request.ts';
import { findUpload, sendPiece, setsShape } from './upload-piece.ts';

const CONTENT = /^content@=(.*)$/s;

const createdShape = z.looseObject({ sets: setsShape });

/**
 * @returns the answer to show, which is for the creation or for a refused piece; undefined if the
 * words name no upload
 */
export async function uploadNamed(
  action: Action,
  words: readonly string[],
  ask: RegionClient,
): Promise<RegionAnswer | undefined> {
  const path = uploadedFile(action, words);
  if (path === undefined) return undefined;
  const file = await openHashed(path);
  try {
    const otherWords = words.filter((word) => !CONTENT.test(word) && !/^(?:sha256|size)=/.test(word));
    const created = await ask(
      buildRegionRequest(action, [...otherWords, `sha256=${file.sha256}`, `size=${file.bytes}`]),
    );
    const resource = created.status < 300 ? createdShape.safeParse(parseAnswerJson(created)).data : undefined;
    const { uri, received } = findUpload(resource?.sets ?? {}, file) ?? { uri: '', received: file.bytes };
    for (let offset = received; offset < file.bytes; ) {
      const { answer, next } = await sendPiece(ask, { file, name: path, uri }, offset);
      if (answer.status >= 300) return answer;
      offset = next;
    }
    return created;
  } finally {
    await file.handle.close();
  }
}

function uploadedFile({ method, op, path }: Action, words: readonly string[]): string | undefined {
  if (method !== 'POST' || op !== null || !path.endsWith('/boot-resources/')) return undefined;
  return words.map((word) => CONTENT.exec(word)?.[1]).find((path) => path !== undefined);
}

export const isUpload = (action: Action, words: readonly string[]): boolean =>
  uploadedFile(action, words) !== undefined;
