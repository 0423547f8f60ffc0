// The proxy for commands that download images: from the environment, else from the configuration (`http_proxy`).

import type { RackConfig } from '../../config/rack-config.ts';
import { type ProxySettings, proxyOf } from '../../images/download/settings.ts';

/** The proxy. @param config undefined: there is none */
export const configuredProxy = (config: Pick<RackConfig, 'region'> | undefined): ProxySettings =>
  proxyOf(config?.region.install?.httpProxy ?? '', process.env);
