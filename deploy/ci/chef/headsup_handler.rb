# Chef: announces a converge while it runs. In client.rb:
#
#   require "/etc/chef/headsup_handler"
#   handler = Headsup::Handler.new(url: "https://headsup.example.com", token: File.read("/etc/chef/headsup.token").strip)
#   start_handlers << handler.start
#   report_handlers << handler
#   exception_handlers << handler
#
# The announcement is a lease, renewed every few seconds: when chef-client dies, it suppresses nothing 20 s later. Whatever goes wrong
# with headsup, the converge runs: unannounced, and the log says so.
require "json"
require "net/http"
require "securerandom"
require "socket"
require "uri"
require "chef/handler" unless defined?(Chef::Handler)

module Headsup
  class Handler < Chef::Handler
    LEASE = "20s".freeze
    BEAT_S = 5
    CALL_S = 5

    def initialize(url:, token:, match: nil, because: "chef-client", max: nil)
      @url = URI(url)
      unless @url.is_a?(URI::HTTPS) || %w[localhost 127.0.0.1 ::1].include?(@url.hostname)
        raise ArgumentError, "headsup: the token must not be read on its way; use https://"
      end
      @token = token
      @match = match || ["host=#{Socket.gethostname}"]
      @because = because
      @max = max
    end

    # A start handler of its own: Chef calls #report of start handlers as well.
    def start
      handler = self
      Class.new(Chef::Handler) { define_method(:report) { handler.begin } }.new
    end

    def begin
      request = { match: @match, because: @because, lease: LEASE }
      request[:max] = @max if @max
      answer = post("/v1/announcements", request, "Idempotency-Key" => SecureRandom.uuid)
      return say("not announced: #{answer["detail"]}") unless answer["id"]

      @id = answer["id"]
      say("#{@id} is #{answer["status"]} while Chef runs")
      @beating = Thread.new do
        loop do
          sleep BEAT_S
          post("/v1/announcements/#{@id}/renew", { lease: LEASE })
        end
      end
    end

    def report
      return unless @id

      @beating.kill
      failed = run_status.respond_to?(:failed?) && run_status.failed?
      answer = post("/v1/announcements/#{@id}/end", { note: failed ? "chef failed" : "done" })
      say("#{@id} ended: seen #{answer["matched"]} of #{answer["max"]}") if answer["matched"]
      @id = nil
    end

    private

    def post(path, body, headers = {})
      http = Net::HTTP.new(@url.hostname, @url.port)
      http.use_ssl = @url.is_a?(URI::HTTPS)
      http.open_timeout = http.read_timeout = CALL_S
      request = Net::HTTP::Post.new(@url.path.chomp("/") + path,
        { "Authorization" => "Bearer #{@token}", "Content-Type" => "application/json" }.merge(headers))
      JSON.parse(http.request(request, JSON.generate(body)).body)
    rescue StandardError => e
      { "detail" => "#{e.class}: cannot be reached" }
    end

    def say(text)
      defined?(Chef::Log) ? Chef::Log.info("headsup: #{text}") : warn("headsup: #{text}")
    end
  end
end
