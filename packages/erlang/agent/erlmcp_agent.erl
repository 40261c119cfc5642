%%% @doc The agent inside the node that is backed up.
%%%
%%% It is loaded from memory, serves one job over one session and is removed again, whatever happens:
%%% the janitor (started by {@link erlmcp_client}) removes the module once the session is over, and the session
%%% ends when the job's client dies. One module, so that what is injected is loaded and removed as one.
%%%
%%% A request is a map with binary keys, in the external term format. An answer is a run of frames:
%%% `<<1:1, Length:31, Term>>' for control, `<<0:1, Length:31, Term>>' for one row. Streams of rows are
%%% enclosed by `{rows, Id, Facts}' and `{'end', Id, Facts}'; every request ends with `{reply, Id, Facts}'
%%% or `{error, Id, Code, Text}', which may also come in the middle of a stream.
%%%
%%% What an operator must know: no file is written, no table of the application is changed, no process is
%%% stopped for longer than the copy in memory of one table takes (and only where that was asked for).
%%% Only kernel, stdlib and, where it runs, mnesia are used. Compile with OTP 25 or `erlc +r25'.
-module(erlmcp_agent).

-export([session/3]).
-export([open_write/1, write/2, commit_write/1, abort_write/1]). % what mnesia:backup_checkpoint/3 calls

-define(FLUSH_BYTES, 262144).   % one message to the client
-define(WINDOW, 16).            % messages under way before the client must have taken one
-define(BATCH, 500).            % rows of one ets:select/3
-define(RESUME_MS, 5000).       % a suspended DETS process runs again after this, even if we are gone
-define(COLLECT_TRIES, 5).      % readings of a small table until two agree
-define(TRANSACTION_BYTES, 268435456). % of rows in memory that one transaction of Mnesia may write: it takes six times as much

%% How many messages may still be sent stands in the process dictionary (`credit'), so that it is right wherever
%% an exception is caught.
-record(out, {client :: pid(), id :: integer(), max_row :: integer(),
              buffer = [] :: iolist(), size = 0 :: integer(),
              rows = 0 :: integer(), bytes = 0 :: integer(), crc = 0 :: integer()}).

%% @doc Serves requests until the client or the janitor is gone, or the client says stop.
-spec session(pid(), pid(), binary()) -> ok.
session(Client, Janitor, Config) ->
    process_flag(trap_exit, true),
    Monitors = [erlang:monitor(process, Client), erlang:monitor(process, Janitor)],
    drop_checkpoints(),                              % what a killed run may have left
    Client ! {erlmcp_session, self()},
    loop(Client, Monitors, binary_to_term(Config), #{}).

loop(Client, Monitors, Config, Tables) ->
    receive
        {erlmcp_request, Binary} ->
            Me = self(),
            Worker = spawn_link(fun() -> work(Me, Client, Config, Tables, binary_to_term(Binary)) end),
            case wait(Worker) of
                {erlmcp_done, Kept} -> loop(Client, Monitors, Config, Kept);
                _ -> exit(shutdown)                  % the client finds the stream cut and fails
            end;
        erlmcp_stop -> drop_checkpoints();
        {'DOWN', Ref, process, _, _} ->
            case lists:member(Ref, Monitors) of true -> drop_checkpoints(); false -> loop(Client, Monitors, Config, Tables) end;
        {'EXIT', _, _} -> loop(Client, Monitors, Config, Tables);
        {'ETS-TRANSFER', _, _, _} -> loop(Client, Monitors, Config, Tables) % a stage outlives the worker that made it
    end.

%% The death of a worker releases its tables, its table fixations and the processes that it suspended.
wait(Worker) ->
    receive
        {'EXIT', Worker, Reason} -> drop_checkpoints(Reason), Reason;
        {'DOWN', _, process, _, _} ->
            exit(Worker, kill),
            receive {'EXIT', Worker, _} -> ok end,
            drop_checkpoints(),
            gone
    end.

drop_checkpoints({erlmcp_done, _}) -> ok;
drop_checkpoints(_) -> drop_checkpoints().

drop_checkpoints() ->
    case mnesia_running() of
        yes ->
            _ = [mnesia:deactivate_checkpoint(Name)
                 || {?MODULE, Node, _} = Name <- mnesia:system_info(checkpoints), Node =:= node()],
            ok;
        _ -> ok
    end.

work(Session, Client, Config, Tables, #{<<"id">> := Id, <<"op">> := Op} = Request) ->
    put(session, erlang:monitor(process, Session)),
    put(heir, Session),
    put(credit, ?WINDOW),
    Out = #out{client = Client, id = Id, max_row = maps:get(<<"max_row">>, Config)},
    {Last, Kept} =
        try op(Op, Request, Tables, Out)
        catch
            throw:{failed, Code, Text, Out1} -> {error_frame(Code, Text, Out1), Tables};
            exit:Reason -> {error_frame(failed, text(Reason), Out), Tables};
            error:Reason:Stack -> {error_frame(failed, text({Reason, hd(Stack)}), Out), Tables}
        end,
    _ = flush(Last),
    drain(),
    exit({erlmcp_done, Kept}).

op(<<"inventory">>, _, _, Out) ->
    {Facts, Tables} = inventory(),
    {reply(Facts, Out), Tables};
op(<<"ets">>, #{<<"table">> := Ix} = Request, Tables, Out) ->
    {ets_rows(maps:get({ets, Ix}, Tables), Request, Out), Tables};
op(<<"dets">>, #{<<"table">> := Ix} = Request, Tables, Out) ->
    {dets_rows(maps:get({dets, Ix}, Tables), Request, Out), Tables};
op(<<"dets_file">>, #{<<"file">> := File} = Request, Tables, Out) ->
    {dets_file(File, Request, Out), Tables};
op(<<"mnesia">>, Request, Tables, Out) ->
    {mnesia_rows(Request, Out), Tables};
op(<<"stage">>, #{<<"name">> := Name} = Request, Tables, Out) ->
    {reply(#{}, Out), (drop_stage({stage, Name}, Tables))#{{stage, Name} => stage(Request)}};
op(<<"stage_rows">>, #{<<"name">> := Name, <<"rows">> := Frames}, Tables, Out) ->
    {reply(#{}, Out), Tables#{{stage, Name} := stage_rows(Frames, maps:get({stage, Name}, Tables))}};
op(<<"ets_put">>, #{<<"table">> := Ix, <<"name">> := Name} = Request, Tables, Out) ->
    {ets_put(maps:get({ets, Ix}, Tables), Request, maps:get({stage, Name}, Tables), Out), Tables};
op(<<"mnesia_put">>, Request, Tables, Out) ->
    {mnesia_put(Request, Tables, Out), unstage(Tables)};
op(<<"unstage">>, _, Tables, Out) ->
    {reply(#{}, Out), unstage(Tables)}.

%%% ------------------------------------------------------------------ output with credit

reply(Facts, Out) -> control({reply, Out#out.id, Facts}, Out).

%% What was not yet sent of a failed stream is dropped.
error_frame(Code, Text, Out) -> control({error, Out#out.id, Code, Text}, Out#out{buffer = [], size = 0}).

control(Term, Out) ->
    Binary = encode(Term),
    append([<<1:1, (byte_size(Binary)):31>>, Binary], Out).

begin_rows(Facts, Out) ->
    control({rows, Out#out.id, Facts}, Out#out{rows = 0, bytes = 0, crc = 0}).

end_rows(Facts, #out{rows = Rows, bytes = Bytes, crc = Crc} = Out) ->
    control({'end', Out#out.id, Facts#{rows => Rows, bytes => Bytes, crc => Crc}}, Out).

rows(Terms, #out{max_row = Max} = Out) -> frames([frame(Term, Max) || Term <- Terms], length(Terms), Out).

frames(Frames, Count, #out{rows = Rows, bytes = Bytes, crc = Crc} = Out) ->
    append(Frames, Out#out{rows = Rows + Count, bytes = Bytes + iolist_size(Frames), crc = erlang:crc32(Crc, Frames)}).

frame(Term, Max) ->
    Binary = encode(Term),
    byte_size(Binary) =< Max orelse exit({row_too_large, byte_size(Binary)}),
    [<<0:1, (byte_size(Binary)):31>>, Binary].

encode(Term) -> term_to_binary(Term, [{minor_version, 2}, deterministic]).

append(Data, #out{buffer = Buffer, size = Size} = Out) ->
    case Size + iolist_size(Data) of
        Full when Full >= ?FLUSH_BYTES -> flush(Out#out{buffer = [Buffer | Data], size = Full});
        More -> Out#out{buffer = [Buffer | Data], size = More}
    end.

flush(#out{size = 0} = Out) -> Out;
flush(#out{client = Client, buffer = Buffer} = Out) ->
    Credit = take_credit(get(credit)),
    Client ! {erlmcp_data, self(), iolist_to_binary(Buffer)},
    put(credit, Credit - 1),
    Out#out{buffer = [], size = 0}.

take_credit(0) -> take_credit(await_credit());
take_credit(Credit) ->
    receive erlmcp_ack -> take_credit(Credit + 1) after 0 -> Credit end.

await_credit() ->
    Session = get(session),
    receive
        erlmcp_ack -> 1;
        {'DOWN', Session, process, _, _} -> exit(session_gone)
    end.

%% Messages of two processes may overtake each other on the way to another node: the next worker starts when the
%% client has taken everything of this one.
drain() ->
    case take_credit(get(credit)) of
        ?WINDOW -> ok;
        Credit -> put(credit, Credit + await_credit()), drain()
    end.

%%% ------------------------------------------------------------------ inventory

%% Sorted, so that unnamed tables have the same number each time, as long as the VM lives. It says nothing of their age.
inventory() ->
    Ets = number([Info || Table <- lists:sort(ets:all()), (Info = ets_facts(Table)) =/= gone]),
    Dets = number([{Name, dets_facts(Name)} || Name <- dets:all()]),
    Tables = maps:from_list([{{ets, Ix}, Id} || {Ix, {Id, _}} <- Ets] ++ [{{dets, Ix}, Id} || {Ix, {Id, _}} <- Dets]),
    {#{identity => identity(),
       ets => [Facts#{ix => Ix} || {Ix, {_, Facts}} <- Ets],
       dets => [Facts#{ix => Ix} || {Ix, {_, Facts}} <- Dets],
       mnesia => mnesia_facts()}, Tables}.

number(List) -> lists:zip(lists:seq(1, length(List)), List).

identity() ->
    Started = erlang:system_info(start_time) + erlang:time_offset(),
    #{node => node(), creation => erlang:system_info(creation),
      otp => list_to_binary(erlang:system_info(otp_release)), erts => list_to_binary(erlang:system_info(version)),
      started_ms => erlang:convert_time_unit(Started, native, millisecond),
      uptime_ms => erlang:convert_time_unit(erlang:monotonic_time() - erlang:system_info(start_time), native, millisecond),
      memory_bytes => erlang:memory(total),
      super_user => erlang:function_exported(erts_internal, ets_super_user, 1),
      applications => [#{name => Name, version => unicode:characters_to_binary(Version)} || {Name, _, Version} <- application:which_applications(5000)]}.

ets_facts(Table) ->
    case ets:info(Table) of
        undefined -> gone;
        Info ->
            Get = fun(Key) -> proplists:get_value(Key, Info, undefined) end,
            Owner = Get(owner),
            {Table, maps:merge(owner_facts(Owner),
                #{name => Get(name), named => Get(named_table), type => Get(type), protection => Get(protection),
                  keypos => Get(keypos), rows => Get(size), bytes => Get(memory) * erlang:system_info(wordsize),
                  compressed => Get(compressed), read_concurrency => Get(read_concurrency),
                  write_concurrency => Get(write_concurrency), decentralized_counters => Get(decentralized_counters)})}
    end.

owner_facts(Owner) ->
    Name = case process_info(Owner, registered_name) of {registered_name, N} -> N; _ -> undefined end,
    App = case application:get_application(Owner) of {ok, A} -> A; undefined -> undefined end,
    #{owner => Name, owner_app => App, owner_init => case Name of undefined -> initial_call(Owner); _ -> undefined end}.

initial_call(Owner) ->
    case process_info(Owner, [dictionary, initial_call]) of
        [{dictionary, Dictionary}, {initial_call, Spawned}] ->
            {M, F, A} = proplists:get_value('$initial_call', Dictionary, Spawned),
            text({M, F, A});
        undefined -> undefined
    end.

dets_facts(Name) ->
    Get = fun(Key) -> dets:info(Name, Key) end,
    #{name => name(Name), file => file_text(filename:absname(Get(filename))), type => Get(type), keypos => Get(keypos),
      rows => Get(size), bytes => Get(file_size), access => Get(access),
      mnesia_index => case Name of {_, index, _} -> true; _ -> false end}.

name(Name) when is_atom(Name) -> Name;
name(Name) -> text(Name).

file_text(File) when is_binary(File) -> File;
file_text(File) -> unicode:characters_to_binary(File, unicode, file:native_name_encoding()).

text(Term) -> unicode:characters_to_binary(io_lib:format("~tp", [Term])).

%% `wanted_by': applications that run here and name mnesia among the applications they need.
mnesia_facts() ->
    Wanted = [App || {App, _, _} <- application:which_applications(5000), needs_mnesia(App)],
    Directory = case application:get_env(mnesia, dir) of {ok, Dir} -> Dir; undefined -> "Mnesia." ++ atom_to_list(node()) end,
    Base = #{running => mnesia_running(), wanted_by => Wanted, directory => file_text(filename:absname(Directory)),
             schema_file => lists:any(fun(File) -> filelib:is_regular(filename:join(Directory, File)) end,
                                      ["schema.DAT", "FALLBACK.BUP"])},
    case maps:get(running, Base) of
        yes ->
            Info = fun(Key) -> mnesia:system_info(Key) end,
            Base#{directory => file_text(Info(directory)), use_dir => Info(use_dir), version => unicode:characters_to_binary(Info(version)),
                  db_nodes => Info(db_nodes), running_nodes => Info(running_db_nodes),
                  commits => Info(transaction_commits), log_writes => Info(transaction_log_writes),
                  tables => [mnesia_table(Table) || Table <- Info(tables)]};
        _ -> Base#{tables => []}
    end.

needs_mnesia(App) ->
    case application:get_key(App, applications) of {ok, Needed} -> lists:member(mnesia, Needed); undefined -> false end.

mnesia_running() ->
    case lists:keymember(mnesia, 1, application:loaded_applications()) andalso whereis(mnesia_sup) =/= undefined of
        true -> mnesia:system_info(is_running);
        false -> no
    end.

mnesia_table(Table) ->
    Get = fun(Key) -> try mnesia:table_info(Table, Key) catch exit:_ -> undefined end end,
    Frag = case Get(frag_properties) of [_ | _] = Props -> proplists:get_value(base_table, Props, Table); _ -> undefined end,
    #{name => Table, type => Get(type), storage => name(Get(storage_type)), local_content => Get(local_content),
      record_name => Get(record_name), attributes => [name(A) || A <- Get(attributes)], index => [name(I) || I <- Get(index)],
      ram_copies => Get(ram_copies), disc_copies => Get(disc_copies), disc_only_copies => Get(disc_only_copies),
      all_nodes => Get(all_nodes), read_from => Get(where_to_read), fragment_of => Frag, majority => Get(majority),
      load_order => Get(load_order), rows => Get(size), words => Get(memory)}.

%%% ------------------------------------------------------------------ ETS

%% mode `suspend': the owner stands still while the table is cloned in memory (exact unless the table is public).
%% mode `collect': a small table is read until two readings agree. mode `stream': rows as they are found;
%% with `check' a second reading tells whether anything had changed meanwhile.
ets_rows(Table, #{<<"mode">> := Mode} = Request, Out) ->
    super_user(true),
    case ets:info(Table) of
        undefined -> throw({failed, vanished, <<"the table is gone">>, Out});
        Info ->
            Type = proplists:get_value(type, Info),
            try ets_rows(Mode, Table, Type, Request, Out)
            catch
                error:badarg:Stack ->
                    case ets:info(Table) of
                        undefined -> throw({failed, vanished, <<"the table was deleted while it was read">>, Out});
                        _ -> throw({failed, unreadable, text(hd(Stack)), Out})
                    end
            end
    end.

ets_rows(<<"suspend">>, Table, Type, _, Out) ->
    Owner = ets:info(Table, owner),
    Begin = erlang:monotonic_time(microsecond),
    erlang:suspend_process(Owner),
    Clone = try clone(Table, Type) after erlang:resume_process(Owner) end,
    Took = erlang:monotonic_time(microsecond) - Begin,
    Out1 = end_rows(#{}, stream(Clone, Type, begin_rows(#{}, Out))),
    reply(#{stable => true, blocked_us => Took}, Out1);
ets_rows(<<"collect">>, Table, Type, _, Out) ->
    {Rows, Stable} = collect(Table, Type, ?COLLECT_TRIES),
    Out1 = end_rows(#{}, rows(Rows, begin_rows(#{}, Out))),
    reply(#{stable => Stable}, Out1);
ets_rows(<<"stream">>, Table, Type, #{<<"check">> := Check}, Out) ->
    Begun = begin_rows(#{}, Out),
    put(hash, case Check of true -> {0, 0}; false -> off end),
    Out1 = end_rows(#{}, stream(Table, Type, Begun)),
    Stable = Check andalso hash_table(Table, Type) =:= get(hash),
    reply(#{stable => Stable}, Out1).

super_user(On) ->
    case erlang:function_exported(erts_internal, ets_super_user, 1) of
        true -> erts_internal:ets_super_user(On);
        false -> false
    end.

stream(Table, Type, Out) ->
    fold_batches(fun(Batch, Acc) -> hash_batch(Batch), rows(Batch, Acc) end, Out, Table, Type).

hash_batch(Batch) ->
    case get(hash) of
        {_, _} = Hash -> put(hash, lists:foldl(fun hash/2, Hash, Batch));
        _ -> ok
    end.

%% Order does not matter: a rehash between the two readings is no change.
hash(Row, {Count, Sum}) -> {Count + 1, (Sum + erlang:phash2(Row, 1 bsl 32)) band 16#3ffffffffffffff}.

hash_table(Table, Type) ->
    fold_batches(fun(Batch, Acc) -> lists:foldl(fun hash/2, Acc, Batch) end, {0, 0}, Table, Type).

collect(Table, Type, Tries) ->
    Rows = read_all(Table, Type),
    case lists:foldl(fun hash/2, {0, 0}, Rows) =:= hash_table(Table, Type) of
        true -> {Rows, true};
        false when Tries > 1 -> collect(Table, Type, Tries - 1);
        false -> {Rows, false}
    end.

read_all(Table, Type) ->
    lists:append(lists:reverse(fold_batches(fun(Batch, Acc) -> [Batch | Acc] end, [], Table, Type))).

clone(Table, Type) ->
    Clone = ets:new(erlmcp_clone, [Type, {keypos, ets:info(Table, keypos)}, private]),
    fold_batches(fun(Batch, Acc) -> ets:insert(Clone, Batch), Acc end, Clone, Table, Type).

%% Only lookup/2 gives the rows of one key of a bag in the order of their insertion; batches of select/3 mix them.
fold_batches(Fun, Acc, Table, Type) ->
    ets:safe_fixtable(Table, true),
    try
        case Type =:= bag orelse Type =:= duplicate_bag of
            true -> fold_keys(Fun, Acc, Table, ets:first(Table), [], 0);
            false -> fold_select(Fun, Acc, ets:select(Table, [{'_', [], ['$_']}], ?BATCH))
        end
    after
        ets:info(Table) =:= undefined orelse ets:safe_fixtable(Table, false)
    end.

fold_select(_, Acc, '$end_of_table') -> Acc;
fold_select(Fun, Acc, {Batch, Next}) -> fold_select(Fun, Fun(Batch, Acc), ets:select(Next)).

fold_keys(Fun, Acc, _, '$end_of_table', Found, _) -> Fun(lists:append(lists:reverse(Found)), Acc);
fold_keys(Fun, Acc, Table, Key, Found, Count) when Count >= ?BATCH ->
    fold_keys(Fun, Fun(lists:append(lists:reverse(Found)), Acc), Table, Key, [], 0);
fold_keys(Fun, Acc, Table, Key, Found, Count) ->
    Rows = ets:lookup(Table, Key),
    fold_keys(Fun, Acc, Table, ets:next(Table, Key), [Rows | Found], Count + length(Rows)).

%%% ------------------------------------------------------------------ rows back into a table

%% Rows come into a table of our own first, of the same type and key. Only when all of them are there, as they were sent,
%% is the application's table touched.
-record(stage, {table :: ets:table(), record :: atom(), rows = 0 :: integer(), crc = 0 :: integer(), dead = 0 :: integer()}).

stage(#{<<"type">> := Type, <<"keypos">> := Keypos} = Request) ->
    Record = case Request of #{<<"record">> := Name} -> binary_to_existing_atom(Name, utf8); _ -> undefined end,
    #stage{table = ets:new(erlmcp_stage, [binary_to_existing_atom(Type), {keypos, Keypos}, public, {heir, get(heir), stage}]),
           record = Record}.

unstage(Tables) -> lists:foldl(fun drop_stage/2, Tables, [Key || {stage, _} = Key <- maps:keys(Tables)]).

drop_stage(Key, Tables) ->
    case Tables of
        #{Key := #stage{table = Table}} -> true = ets:delete(Table), maps:remove(Key, Tables);
        _ -> Tables
    end.

%% Mnesia's backups have a table's name where its records have their own.
stage_rows(Frames, #stage{table = Table, record = Record, rows = Rows, crc = Crc, dead = Dead} = Stage) ->
    Terms = [case binary_to_term(Term) of
                 Row when Record =/= undefined -> setelement(1, Row, Record);
                 Row -> Row
             end || <<Length:32, Term:Length/binary>> <= Frames],
    true = ets:insert(Table, Terms),
    Stage#stage{rows = Rows + length(Terms), crc = erlang:crc32(Crc, Frames), dead = Dead + length([1 || Term <- Terms, is_dead(Term)])}.

%% Whether a term holds something that died with the node it comes from.
is_dead(Term) when is_pid(Term); is_port(Term); is_reference(Term); is_function(Term) -> true;
is_dead([Head | Tail]) -> is_dead(Head) orelse is_dead(Tail);
is_dead(Term) when is_tuple(Term) -> lists:any(fun is_dead/1, tuple_to_list(Term));
is_dead(Term) when is_map(Term) -> lists:any(fun({Key, Value}) -> is_dead(Key) orelse is_dead(Value) end, maps:to_list(Term));
is_dead(_) -> false.

%% The owner of a table that only it may write stands still meanwhile. At no moment is a row missing that was there
%% before and shall be there afterwards: rows are put first, then those go that shall not be there.
ets_put(Live, #{<<"rows">> := Rows, <<"crc">> := Crc}, #stage{table = Stage, rows = Rows, crc = Crc, dead = Dead}, Out) ->
    ets:info(Stage, size) =:= Rows orelse throw({failed, incomplete, <<"rows of the same key collide">>, Out}),
    super_user(true),
    Same = [Key || Key <- [type, keypos], ets:info(Live, Key) =:= ets:info(Stage, Key)],
    case {ets:info(Live), Same} of
        {undefined, _} -> throw({failed, vanished, <<"the table is gone">>, Out});
        {_, [type, keypos]} -> ok;
        _ -> throw({failed, incompatible, <<"its type or the place of its key is another one now">>, Out})
    end,
    Owner = ets:info(Live, owner),
    Still = ets:info(Live, protection) =/= public andalso Owner =/= self() andalso is_process_alive(Owner),
    _ = Still andalso erlang:suspend_process(Owner),
    try merge(Live, Stage, ets:info(Live, type)) of
        Removed -> reply(#{rows => ets:info(Live, size), removed => Removed, dead => Dead}, Out)
    catch
        error:badarg:Stack ->
            case ets:info(Live) of
                undefined -> throw({failed, vanished, <<"the table was deleted while it was written">>, Out});
                _ -> throw({failed, unwritable, text(hd(Stack)), Out})
            end
    after
        _ = Still andalso erlang:resume_process(Owner)
    end;
ets_put(_, _, #stage{rows = Rows}, Out) ->
    throw({failed, incomplete, text({not_as_sent, Rows}), Out}).

merge(Live, Stage, Type) when Type =:= bag; Type =:= duplicate_bag ->
    put_keys(Live, Stage, ets:first(Stage)),
    remove_others(Live, Stage);
merge(Live, Stage, _) ->
    true = fold_batches(fun(Batch, true) -> ets:insert(Live, Batch) end, true, Stage, set),
    remove_others(Live, Stage).

put_keys(_, _, '$end_of_table') -> ok;
put_keys(Live, Stage, Key) ->
    Rows = ets:lookup(Stage, Key),
    _ = ets:lookup(Live, Key) =:= Rows orelse begin ets:delete(Live, Key), ets:insert(Live, Rows) end,
    put_keys(Live, Stage, ets:next(Stage, Key)).

remove_others(Live, Stage) ->
    ets:safe_fixtable(Live, true),
    try remove_others(Live, Stage, ets:first(Live), 0)
    after ets:info(Live) =:= undefined orelse ets:safe_fixtable(Live, false)
    end.

remove_others(_, _, '$end_of_table', Removed) -> Removed;
remove_others(Live, Stage, Key, Removed) ->
    Next = ets:next(Live, Key),
    case ets:member(Stage, Key) of
        true -> remove_others(Live, Stage, Next, Removed);
        false -> ets:delete(Live, Key), remove_others(Live, Stage, Next, Removed + 1)
    end.

%%% ------------------------------------------------------------------ rows back into Mnesia's tables

%% All tables of one request in one transaction that locks each of them for writing: no other transaction sees a state
%% between, and Mnesia makes all of it happen or nothing, whoever dies. Only what differs is written. A transaction holds
%% what it writes several times in memory: above a limit it is refused before anything is written.
mnesia_put(#{<<"tables">> := Wanted}, Stages, Out) ->
    mnesia_running() =:= yes orelse throw({failed, mnesia_not_running, <<"Mnesia does not run">>, Out}),
    Parts = [put_part(One, Stages, Out) || One <- Wanted],
    Begin = erlang:monotonic_time(microsecond),
    case mnesia:sync_transaction(fun() -> put_parts(Parts) end) of
        {atomic, Done} ->
            Took = erlang:monotonic_time(microsecond) - Begin,
            reply(#{took_us => Took, tables => [Facts#{found => mnesia:table_info(Table, size)} || {Table, Facts} <- Done]}, Out);
        {aborted, Why} -> throw({failed, aborted, text(Why), Out})
    end.

%% Everything that can be known before is checked before: what was staged is what was sent, and it fits the table.
put_part(#{<<"name">> := Name, <<"rows">> := Rows, <<"crc">> := Crc}, Stages, Out) ->
    Stage = maps:get({stage, Name}, Stages),
    Table = binary_to_existing_atom(Name, utf8),
    Fail = fun(Code, Text) -> throw({failed, Code, <<Name/binary, ": ", Text/binary>>, Out}) end,
    #stage{table = Staged, record = Record, dead = Dead} = Stage,
    Stage#stage.rows =:= Rows andalso Stage#stage.crc =:= Crc orelse Fail(incomplete, <<"not all rows came as they were sent">>),
    ets:info(Staged, size) =:= Rows orelse Fail(incomplete, <<"rows of the same key collide">>),
    lists:member(Table, mnesia:system_info(tables)) orelse Fail(vanished, <<"the table is gone">>),
    Info = fun(Key) -> mnesia:table_info(Table, Key) end,
    Fits = Info(type) =:= ets:info(Staged, type) andalso Info(record_name) =:= Record
        andalso fits(Staged, ets:first(Staged), length(Info(attributes)) + 1),
    Fits orelse Fail(incompatible, <<"its type, its records or their attributes are others now">>),
    Info(where_to_read) =:= node() orelse Fail(not_here, <<"this node has no copy that can be read">>),
    {Table, Staged, Info(type), Rows, Dead}.

fits(_, '$end_of_table', _) -> true;
fits(Staged, Key, Arity) -> tuple_size(hd(ets:lookup(Staged, Key))) =:= Arity.

%% Comparing takes rows out of the stage: it cannot be done again.
put_parts(Parts) ->
    get(erlmcp_begun) =:= undefined orelse mnesia:abort(restarted),
    [mnesia:write_lock_table(Table) || {Table, _, _, _, _} <- Parts],
    put(erlmcp_begun, true),
    Before = [mnesia:table_info(Table, size) || {Table, _, _, _, _} <- Parts],
    Plans = [{Part, differ(Part)} || Part <- Parts],
    Bytes = lists:sum([ets:info(Staged, memory) || {{_, Staged, _, _, _}, _} <- Plans]) * erlang:system_info(wordsize),
    Bytes =< ?TRANSACTION_BYTES orelse mnesia:abort({too_much_for_one_transaction, Bytes}),
    [{Table, #{name => Table, rows => Rows, dead => Dead, before => Had, removed => length(Gone),
               written => write_part(Table, Staged, Type, Gone)}}
     || {{{Table, Staged, Type, Rows, Dead}, Gone}, Had} <- lists:zip(Plans, Before)].

%% What the table holds already as it shall be leaves the stage: what remains there is to be written. Gives the keys
%% that are to go. Read past Mnesia, which would fix the table in a process of its own, and for ever if we are killed.
differ({Table, Staged, Type, _, _}) ->
    case mnesia:table_info(Table, storage_type) of
        disc_only_copies ->
            Keys = dets_fold(Table, fun(Batch, Acc) -> maps:merge(Acc, keys(Batch)) end, #{}),
            lists:foldl(fun(Key, Gone) -> differ_key(Key, dets:lookup(Table, Key), Staged, Gone) end, [], maps:keys(Keys));
        Storage when Storage =:= ram_copies; Storage =:= disc_copies ->
            fold_batches(fun(Batch, Acc) ->
                lists:foldl(fun(Key, Gone) -> differ_key(Key, ets:lookup(Table, Key), Staged, Gone) end, Acc, maps:keys(keys(Batch)))
            end, [], Table, Type);
        Storage -> mnesia:abort({unknown_storage, Storage})
    end.

%% Not lists:usort/1: it takes 1 and 1.0 for the same.
keys(Rows) -> maps:from_list([{element(2, Row), []} || Row <- Rows]).

differ_key(Key, Rows, Staged, Gone) ->
    case ets:lookup(Staged, Key) of
        [] -> [Key | Gone];
        Wanted ->
            _ = (Wanted =:= Rows orelse lists:sort(Wanted) =:= lists:sort(Rows)) andalso ets:delete(Staged, Key),
            Gone
    end.

%% Of a bag all rows of a key are put anew.
write_part(Table, Staged, Type, Gone) ->
    Written = fold_batches(fun(Batch, Count) ->
        _ = Type =:= bag andalso [mnesia:delete(Table, Key, write) || Key <- maps:keys(keys(Batch))],
        [mnesia:write(Table, Row, write) || Row <- Batch],
        Count + length(Batch)
    end, 0, Staged, Type),
    [mnesia:delete(Table, Key, write) || Key <- Gone],
    Written.

%%% ------------------------------------------------------------------ DETS

%% An open table: everything flushed, its process suspended while the file is copied into memory, resumed, then
%% the rows are taken from that copy. No file is written, and the table stands still for the time of one read
%% from the page cache. A file above `max_file' is read as it changes instead, and says so.
dets_rows(Name, #{<<"max_file">> := Max}, Out) ->
    case dets:info(Name, file_size) of
        undefined -> throw({failed, vanished, <<"the table was closed">>, Out});
        Size when Size =< Max ->
            case dets_copy(Name, Max) of
                {ok, Copy, Took} -> image_rows(Copy, #{stable => true, blocked_us => Took}, Out);
                {error, Why} -> dets_fuzzy(Name, Why, Out)
            end;
        _ -> dets_fuzzy(Name, <<"the file is larger than the copy in memory may be">>, Out)
    end.

dets_copy(Name, Max) ->
    ok = dets:sync(Name),
    File = dets:info(Name, filename),
    Process = ets:lookup_element(dets_registry, Name, 3),
    %% Should we die while it is suspended, the emulator itself sends this resume.
    Resume = erlang:send_after(?RESUME_MS, Process, {system, {self(), make_ref()}, resume}),
    Begin = erlang:monotonic_time(microsecond),
    Read = try
               ok = sys:suspend(Process),
               read_file(File, Max)
           catch exit:Why -> {error, text(Why)}
           end,
    _ = try sys:resume(Process) catch exit:_ -> gone end,
    InTime = is_integer(erlang:cancel_timer(Resume)),
    Took = erlang:monotonic_time(microsecond) - Begin,
    case Read of
        {ok, Copy} when InTime -> {ok, Copy, Took};
        {ok, _} -> {error, <<"the copy in memory took too long">>};
        Error -> Error
    end.

read_file(File, Max) ->
    case file:open(File, [read, raw, binary]) of
        {ok, Fd} ->
            try file:read(Fd, Max) of
                {ok, Binary} -> {ok, Binary};
                eof -> {error, <<"the file is empty">>};
                {error, Why} -> {error, text(Why)}
            after file:close(Fd)
            end;
        {error, Why} -> {error, text(Why)}
    end.

dets_fuzzy(Name, Why, Out) ->
    dets:safe_fixtable(Name, true),
    First = dets_fold(Name, fun(Batch, {Acc, Hash}) -> {rows(Batch, Acc), lists:foldl(fun hash/2, Hash, Batch)} end,
                      {begin_rows(#{}, Out), {0, 0}}),
    {Out1, Hash} = First,
    Again = dets_fold(Name, fun(Batch, Acc) -> lists:foldl(fun hash/2, Acc, Batch) end, {0, 0}),
    dets:safe_fixtable(Name, false),
    reply(#{stable => Hash =:= Again, fuzzy => Why}, end_rows(#{}, Out1)).

dets_fold(Name, Fun, Acc) -> dets_fold1(Fun, Acc, dets:match_object(Name, '_', ?BATCH)).

dets_fold1(_, Acc, '$end_of_table') -> Acc;
dets_fold1(_, _, {error, Why}) -> exit({dets, Why});
dets_fold1(Fun, Acc, {Batch, Next}) -> dets_fold1(Fun, Fun(Batch, Acc), dets:match_object(Next)).

%% A file that no process of this node has open. Read twice: equal means that nobody else wrote it meanwhile.
dets_file(File, #{<<"max_file">> := Max}, Out) ->
    case [Name || Name <- dets:all(), file_text(filename:absname(dets:info(Name, filename))) =:= File] of
        [] -> ok;
        _ -> throw({failed, open, <<"the file is open in the node">>, Out})
    end,
    filelib:file_size(File) =< Max orelse throw({failed, unreadable, <<"the file is larger than the copy in memory may be">>, Out}),
    case {read_file(File, Max), read_file(File, Max)} of
        {{ok, Copy}, Second} -> image_rows(Copy, #{stable => Second =:= {ok, Copy}}, Out);
        {{error, Why}, _} -> throw({failed, unreadable, Why, Out})
    end.

%% The file format, version 9 (stdlib's dets_v9.erl): a header, 256 pointers to parts of 512 pointers to segments
%% of 256 slots; a slot is size and position of the rows that hash to it. What the header counts is only right
%% after a proper close, the pointers are always.
image_rows(<<_:32, 16#abcdef:32, Closed:32, Type:32, 9:32, _:64, KeyPos:32, Objects:32, _/binary>> = Image, Reply, Out) ->
    TypeName = element(Type, {set, bag, duplicate_bag}),
    Out1 = image_parts(pointers(Image, 312, 256), Image, TypeName, KeyPos,
                       begin_rows(#{type => TypeName, keypos => KeyPos}, Out)),
    Clean = Closed =:= 1,
    Clean andalso Out1#out.rows =/= Objects andalso exit({dets_file_corrupt, {counted, Out1#out.rows}, {header, Objects}}),
    reply(Reply#{clean => Clean}, end_rows(#{}, Out1));
image_rows(_, _, Out) -> throw({failed, unreadable, <<"not a DETS file of format 9">>, Out}).

pointers(Image, At, Count) -> [P || <<P:32>> <= binary:part(Image, At, 4 * Count), P =/= 0].

image_parts(Parts, Image, Type, KeyPos, Out) ->
    lists:foldl(fun(Segment, Acc) ->
        Slots = binary:part(Image, Segment, 8 * 256),
        lists:foldl(fun({Size, At}, Acc1) ->
            rows(slot_rows(binary:part(Image, At, Size), Type, KeyPos), Acc1)
        end, Acc, [{Size, At} || <<Size:32, At:32>> <= Slots, At =/= 0])
    end, Out, lists:flatmap(fun(Part) -> pointers(Image, Part, 512) end, Parts)).

slot_rows(<<Size:32, 16#12345678:32, Keys/binary>> = Slot, Type, KeyPos) when Size =:= byte_size(Slot) ->
    case Type of
        set -> objects(Keys, KeyPos);
        _ -> lists:append([objects(Objects, KeyPos) || Objects <- sized(Keys)])
    end;
slot_rows(_, _, _) -> exit(dets_file_corrupt).

objects(Binary, KeyPos) ->
    [case binary_to_term(Object) of
         Row when tuple_size(Row) >= KeyPos -> Row;
         _ -> exit(dets_file_corrupt)
     end || Object <- sized(Binary)].

sized(<<>>) -> [];
sized(<<0:32, _/binary>>) -> [];                      % the rest of the area is not used
sized(<<Size:32, Rest/binary>>) when Size >= 4 ->
    Length = Size - 4,
    case Rest of
        <<Object:Length/binary, More/binary>> -> [Object | sized(More)];
        _ -> exit(dets_file_corrupt)
    end;
sized(_) -> exit(dets_file_corrupt).

%%% ------------------------------------------------------------------ Mnesia

%% Never mnesia:backup/1: it takes an old dump of a RAM table for its content. Mnesia calls write/2 in a process
%% whose mailbox must stay empty, so each call is answered before it returns.
mnesia_rows(#{<<"tables">> := Names}, Out) ->
    mnesia_running() =:= yes orelse throw({failed, mnesia_not_running, <<"Mnesia does not run">>, Out}),
    Tables = [binary_to_existing_atom(Name, utf8) || Name <- Names],
    Name = {?MODULE, node(), erlang:unique_integer([positive])},
    Args = [{name, Name}, {max, Tables}, {ram_overrides_dump, true}, {allow_remote, true}],
    Begin = erlang:monotonic_time(microsecond),
    Nodes = case mnesia:activate_checkpoint(Args) of
                {ok, Name, Ns} -> Ns;
                {error, Why} -> throw({failed, checkpoint, text(Why), Out})
            end,
    Activated = erlang:monotonic_time(microsecond) - Begin,
    try
        Me = self(),
        {Pid, Ref} = spawn_opt(fun() ->
            Me ! {erlmcp_backup, mnesia:backup_checkpoint(Name, Me, [{module, ?MODULE}, {tables, Tables}])}
        end, [link, monitor]),
        Out1 = serve_backup(Pid, Ref, none, Out),
        reply(#{activate_us => Activated, nodes => Nodes}, Out1)
    after
        mnesia:deactivate_checkpoint(Name)
    end.

serve_backup(Pid, Ref, Current, Out) ->
    Session = get(session),
    receive
        {erlmcp_items, From, Tag, [First | _] = Items} ->
            From ! {Tag, ok},                        % it reads on while we encode
            Table = element(1, First),
            serve_backup(Pid, Ref, Table, rows(Items, switch(Current, Table, Out)));
        {erlmcp_backup, ok} ->
            erlang:demonitor(Ref, [flush]),
            close_section(Current, Out);
        {erlmcp_backup, {error, Why}} -> throw({failed, backup, text(Why), Out});
        {'DOWN', Ref, process, _, Why} -> throw({failed, backup, text(Why), Out});
        {'DOWN', Session, process, _, _} -> exit(session_gone)
    end.

switch(Table, Table, Out) -> Out;
switch(Current, Table, Out) -> begin_rows(#{table => Table}, close_section(Current, Out)).

close_section(none, Out) -> Out;
close_section(Table, Out) -> end_rows(#{table => Table}, Out).

%% @private
open_write(Opaque) -> {ok, Opaque}.

%% @private All items of one call belong to one table; the log header only tells when and where.
write(Worker, [Header | Items]) when element(1, Header) =:= log_header -> write(Worker, Items);
write(Worker, []) -> {ok, Worker};
write(Worker, Items) ->
    Ref = erlang:monitor(process, Worker),
    Worker ! {erlmcp_items, self(), Ref, Items},
    receive
        {Ref, ok} -> erlang:demonitor(Ref, [flush]), {ok, Worker};
        {'DOWN', Ref, process, _, Why} -> exit({backup_worker, Why})
    end.

%% @private
commit_write(Opaque) -> {ok, Opaque}.

%% @private
abort_write(_) -> {ok, aborted}.
