// Jenkins: vars/headsup.groovy of a shared library, with headsup.sh in its resources/. A step that is announced while it runs:
//
//   headsup(match: ['host=web-*', 'actor=deploy'], because: "deploy ${env.BUILD_TAG}", max: 20) {
//     sh 'make deploy'
//   }
//
// HEADSUP_URL is an environment variable of Jenkins, the token a secret text with the id headsup-token. Arguments reach the script
// through its environment and are never pasted into it.
def call(Map args, Closure body) {
  def settings = [
    "HEADSUP_MATCH=${args.match.join('\n')}",
    "HEADSUP_BECAUSE=${args.because}",
    "HEADSUP_FOR=${args.get('for', '1h')}",
    "HEADSUP_MAX=${args.get('max', '')}",
  ]
  def id = ''
  writeFile file: '.headsup.sh', text: libraryResource('headsup.sh')
  withEnv(settings) {
    withCredentials([string(credentialsId: args.get('credentials', 'headsup-token'), variable: 'HEADSUP_TOKEN')]) {
      int status = sh(script: 'sh .headsup.sh expect > .headsup-id', returnStatus: true)
      id = readFile('.headsup-id').trim()
      if (status == 3 || status == 4) { // refused by policy, or waits for approval; that headsup is away stops nobody
        if (id) { sh "sh .headsup.sh end '${id}'" }
        error "headsup: ${status == 3 ? 'refused by policy' : 'waits for approval'}"
      }
    }
  }
  try {
    body()
  } finally {
    if (id ==~ /H\d+/) {
      withCredentials([string(credentialsId: args.get('credentials', 'headsup-token'), variable: 'HEADSUP_TOKEN')]) {
        sh(script: "sh .headsup.sh end ${id}", returnStatus: true)
      }
    }
  }
}
