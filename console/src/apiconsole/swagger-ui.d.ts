declare module 'swagger-ui-dist/swagger-ui-es-bundle.js' {
  import type { SwaggerConfigs, SwaggerUIBundle } from 'swagger-ui-dist'

  const SwaggerUI: (configs: SwaggerConfigs) => ReturnType<SwaggerUIBundle>
  export default SwaggerUI
}
