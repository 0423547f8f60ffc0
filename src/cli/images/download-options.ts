// The options of commands that download images.

import type { RackConfig } from '../../config/rack-config.ts';
import { RackError } from '../../ground/errors.ts';
import { chooseProxy, type ProxySettings } from '../../images/download/settings.ts';

const MEBIBYTE = 1024 * 1024;

/**
 * Chooses the proxy from the environment, or else from the configuration (`http_proxy`). @param
 * config undefined if there is none
 */
export const configuredProxy = (config: Pick<RackConfig, 'region'> | undefined): ProxySettings =>
  chooseProxy(config?.region.install?.httpProxy ?? '', process.env);

/**
 * Parses the option `--limit` into bytes per second; undefined if there is no limit. @throws
 * RackError `bad-argument`
 */
export function parseLimit(limit: string | undefined): number | undefined {
  if (limit === undefined) return undefined;
  const mebibytes = Number(limit);
  if (mebibytes > 0 && Number.isFinite(mebibytes)) return Math.ceil(mebibytes * MEBIBYTE);
  throw new RackError('bad-argument', `--limit ${limit} is not a rate: give MiB per second, such as 2.5`);
}
